"""Weights that do not fit: commands whose words stay in DDR and come with each inference, through a LOAD before them.

The weight memory is then two parts: words of resident commands, loaded once, and a buffer that streamed commands use
one after the other. Which are resident is chosen so that least is streamed. Words of commands that run beside an INPUT
are: its beats and a LOAD's come through the same port.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from edge_tr.formats import accelerator as f
from edge_tr.lower.accel.image import HALF_BITS, Image, finish, packet

LOAD_OVERHEAD = 8  # cycles of a LOAD besides its beats
_WEIGHTS_FIELD = next(item for item in f.COMMAND.fields if item.name == "weights")


@dataclass(frozen=True)
class Streamed:
    """What became of an image.

    parts   by command, uint64 [n]: load packets that its LOAD takes
    index   int [commands], where each command is now
    cycles  int [commands], how much longer each takes for its LOAD
    """

    image: Image
    parts: tuple[np.ndarray, ...]
    index: tuple[int, ...]
    cycles: tuple[int, ...]

    def stream(self, first: int = 0, end: int | None = None) -> np.ndarray:
        """uint64 [n], load packets that follow the input of a run of commands `first` to `end` - 1."""
        return np.concatenate([np.empty(0, np.uint64), *self.parts[first:end]])


def streamed(image: Image) -> Streamed:
    """The image with as many weights resident as fit; the same image if all do, or if no way is found. Commands may
    read the same words."""
    extents = list(dict.fromkeys(extent for extent in image.extents if extent is not None))
    pinned = {extents.index(extent) for extent in _beside_input(image)}
    kept = _resident([_words(extent) for extent in extents], f.WEIGHT_WORDS.value, pinned)
    if kept is None:
        return resident(image)
    moved, halves = Image(), []
    moved.words = {memory: list(words) for memory, words in image.words.items()}
    starts = {}
    for position in sorted(kept):
        starts[extents[position]] = len(halves) // 2
        halves += _halves(image, extents[position])
    buffer = len(halves) // 2
    rewritten: list[int] = []
    parts, index, cycles = [], [], []
    for extent, word in zip(image.extents, image.words[f.MEMORY.COMMANDS]):
        part = np.empty(0, np.uint64)
        if _words(extent) and extent not in starts:
            words = [low | high << HALF_BITS for low, high in zip(*[iter(_halves(image, extent))] * 2)]
            part = finish([packet(f.MEMORY.WEIGHTS, buffer, words)])[0]
            rewritten.append(int.from_bytes(f.COMMAND.pack(opcode=f.OPCODE.LOAD), "little"))
        parts.append(part)
        index.append(len(rewritten))
        cycles.append(len(part) + LOAD_OVERHEAD if len(part) else 0)
        rewritten.append(_moved(word, extent, starts.get(extent, buffer)))
    moved.words[f.MEMORY.COMMANDS] = rewritten
    moved.words[f.MEMORY.WEIGHTS] = halves
    moved.streamed_words = max((_words(extent) for extent in extents if extent not in starts), default=0)
    return Streamed(moved, tuple(parts), tuple(index), tuple(cycles))


def resident(image: Image) -> Streamed:
    """The image as it is: nothing is streamed."""
    commands = len(image.words[f.MEMORY.COMMANDS])
    return Streamed(image, (np.empty(0, np.uint64),) * commands, tuple(range(commands)), (0,) * commands)


def _words(extent: tuple[int, int] | None) -> int:
    """Whole words that halves [start, end) touch."""
    return 0 if extent is None else (extent[1] + 1) // 2 - extent[0] // 2


def _halves(image: Image, extent: tuple[int, int]) -> list[int]:
    """Whole words that the extent touches, as halves."""
    start, end = extent
    memory = image.words[f.MEMORY.WEIGHTS]
    first, last = start // 2 * 2, (end + 1) // 2 * 2
    return memory[first:last] + [0] * (last - max(first, min(last, len(memory))))


def _moved(command: int, extent: tuple[int, int] | None, word: int) -> int:
    """The command with its weights at another word; which half they begin in stays."""
    if extent is None:
        return command
    offset, mask = f.COMMAND.offsets["weights"], (1 << _WEIGHTS_FIELD.bits) - 1
    return command & ~(mask << offset) | (2 * word + extent[0] % 2) << offset


def _beside_input(image: Image) -> set[tuple[int, int]]:
    """Extents of commands from an INPUT to the last ARRAY that waits for its words."""
    found, since = set(), []
    for extent, word in zip(image.extents, image.words[f.MEMORY.COMMANDS]):
        command = f.COMMAND.unpack(word.to_bytes(f.COMMAND.size, "little"))
        since = [] if command["opcode"] == f.OPCODE.INPUT else [*since, extent]
        if command["opcode"] == f.OPCODE.ARRAY and command["src"]:
            found.update(extent for extent in since if extent is not None)
    return found


def _resident(sizes: Sequence[int], capacity: int, pinned: Set[int] = frozenset()) -> set[int] | None:
    """Which lists of words stay on chip, `pinned` among them; None if all do, or too many must.

    The buffer is as large as the largest of the others, so each size is tried as that.
    """
    if sum(sizes) <= capacity:
        return None
    best, least = None, sum(sizes) + 1
    by_size = sorted((command for command, n in enumerate(sizes) if n), key=lambda command: -sizes[command])
    for buffer in sorted({n for n in sizes if n}):
        free = capacity - buffer
        kept = {command for command in by_size if sizes[command] > buffer or command in pinned}
        free -= sum(sizes[command] for command in kept)
        if free < 0:
            continue
        for command in by_size:
            if command not in kept and sizes[command] <= free:
                kept.add(command)
                free -= sizes[command]
        left = sum(n for command, n in enumerate(sizes) if command not in kept)
        if left < least:
            best, least = kept, left
    return best
