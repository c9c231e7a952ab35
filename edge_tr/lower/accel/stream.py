"""Weights that do not fit: commands whose words stay in DDR and come with each inference, through a LOAD before them.

The weight memory is then two parts: words of resident commands, loaded once, and a buffer that streamed commands use
one after the other. Which are resident is chosen so that least is streamed. Commands that run beside an INPUT are: a
LOAD would take the words that the INPUT waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from edge_tr.formats import accelerator as f
from edge_tr.lower.accel.image import HALF_BITS, Image, finish, packet

LOAD_OVERHEAD = 8  # cycles of a LOAD besides its beats
_WEIGHTS_FIELD = next(item for item in f.COMMAND.fields if item.name == "weights")


@dataclass(frozen=True)
class Streamed:
    """What became of an image.

    packets  by command, uint64 [n]: load packets that it needs in each run
    index    int [commands], where each command is now
    cycles   int [commands], how much longer each takes for its LOAD
    """

    image: Image
    packets: Mapping[int, np.ndarray]
    index: tuple[int, ...]
    cycles: tuple[int, ...]


def streamed(image: Image) -> Streamed:
    """The image with as many weights resident as fit; the same image if all do, or if no way is found."""
    sizes = [_words(extent) for extent in image.extents]
    kept = _resident(sizes, f.WEIGHT_WORDS.value, _beside_input(image))
    commands = image.words[f.MEMORY.COMMANDS]
    if kept is None:
        return resident(image)
    moved, parts, index, cycles = Image(), {}, [], []
    moved.words = {memory: list(words) for memory, words in image.words.items()}
    halves: list[int] = []
    starts = {}
    for command in sorted(kept):
        starts[command] = len(halves) // 2
        halves += _halves(image, command)
    buffer = len(halves) // 2
    rewritten: list[int] = []
    for command, word in enumerate(commands):
        extra = 0
        if sizes[command] and command not in kept:
            words = [low | high << HALF_BITS for low, high in zip(*[iter(_halves(image, command))] * 2)]
            parts[command] = finish([packet(f.MEMORY.WEIGHTS, buffer, words)])[0]
            load = {"opcode": f.OPCODE.LOAD}
            rewritten.append(int.from_bytes(f.COMMAND.pack(**load), "little"))
            extra = len(parts[command]) + LOAD_OVERHEAD
        index.append(len(rewritten))
        cycles.append(extra)
        rewritten.append(_moved(word, image.extents[command], starts.get(command, buffer)))
    moved.words[f.MEMORY.COMMANDS] = rewritten
    moved.words[f.MEMORY.WEIGHTS] = halves
    moved.streamed_words = max((n for command, n in enumerate(sizes) if command not in kept), default=0)
    return Streamed(moved, parts, tuple(index), tuple(cycles))


def resident(image: Image) -> Streamed:
    """The image as it is: nothing is streamed."""
    commands = len(image.words[f.MEMORY.COMMANDS])
    return Streamed(image, {}, tuple(range(commands)), (0,) * commands)


def _words(extent: tuple[int, int] | None) -> int:
    """Whole words that halves [start, end) touch."""
    return 0 if extent is None else (extent[1] + 1) // 2 - extent[0] // 2


def _halves(image: Image, command: int) -> list[int]:
    start, end = image.extents[command]
    memory = image.words[f.MEMORY.WEIGHTS]
    first, last = start // 2 * 2, (end + 1) // 2 * 2
    return memory[first:last] + [0] * (last - max(first, min(last, len(memory))))


def _moved(command: int, extent: tuple[int, int] | None, word: int) -> int:
    """The command with its weights at another word; which half they begin in stays."""
    if extent is None:
        return command
    offset, mask = f.COMMAND.offsets["weights"], (1 << _WEIGHTS_FIELD.bits) - 1
    return command & ~(mask << offset) | (2 * word + extent[0] % 2) << offset


def _beside_input(image: Image) -> set[int]:
    """Commands with weights from an INPUT to the last ARRAY that waits for its words."""
    found, since = set(), []
    for number, word in enumerate(image.words[f.MEMORY.COMMANDS]):
        command = f.COMMAND.unpack(word.to_bytes(f.COMMAND.size, "little"))
        since = [] if command["opcode"] == f.OPCODE.INPUT else [*since, number]
        if command["opcode"] == f.OPCODE.ARRAY and command["src"]:
            found.update(since)
    return {number for number in found if image.extents[number] is not None}


def _resident(sizes: Sequence[int], capacity: int, pinned: Set[int] = frozenset()) -> set[int] | None:
    """Commands whose words stay on chip, `pinned` among them; None if all do, or too many must.

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
