"""What does not fit: commands whose weights, or channel parameters, stay in DDR and come with each inference, through a
LOAD before them.

Such a memory is then two parts: words of resident commands, loaded once, and a buffer that streamed commands use one
after the other. Which are resident is chosen so that least is streamed. Commands that run beside an INPUT are: a LOAD
would take the words that the INPUT waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from edge_tr.accel.image import HALF_BITS, Extent, Fields, Image, finish, packet
from edge_tr.formats import accelerator as f

LOAD_OVERHEAD = 8  # cycles of a LOAD besides its beats


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
    """The image with as much resident as fits; the same image if all does, or if no way is found."""
    pinned = _beside_input(image)
    stores = [
        _store(image, f.MEMORY.WEIGHTS, "weights", 2, f.WEIGHT_WORDS.value, pinned),
        _store(image, f.MEMORY.PARAMETERS, "parameters", 1, f.PARAMETERS.value, pinned),
    ]
    if None in stores or not any(store.buffered for store in stores):
        return resident(image)
    moved, parts, index, cycles = Image(), {}, [], []
    moved.words = {memory: list(words) for memory, words in image.words.items()}
    rewritten = moved.words[f.MEMORY.COMMANDS] = []
    for command, fields in enumerate(image.words[f.MEMORY.COMMANDS]):
        packets = [store.packet(command) for store in stores if command in store.buffered]
        if packets:
            parts[command] = finish(packets)[0]
            moved.command(opcode=f.OPCODE.LOAD)
        cycles.append(len(parts[command]) + LOAD_OVERHEAD if packets else 0)
        index.append(len(rewritten))
        for store in stores:
            fields = store.moved(command, fields)
        rewritten.append(fields)
    for store in stores:
        moved.words[store.memory] = store.kept
        moved.buffers[store.memory] = store.buffer
    return Streamed(moved, parts, tuple(index), tuple(cycles))


def resident(image: Image) -> Streamed:
    """The image as it is: nothing is streamed."""
    commands = len(image.words[f.MEMORY.COMMANDS])
    return Streamed(image, {}, tuple(range(commands)), (0,) * commands)


@dataclass(frozen=True)
class _Store:
    """One memory of the result.

    unit      addresses to a word
    extents   by command: the addresses that it read in the image, [start, end), or None
    kept      what is loaded once
    starts    by command whose words are there: the first word
    buffered  by command whose words come with each inference: all of them
    buffer    words behind `kept` that are theirs
    """

    memory: int
    field: str
    unit: int
    extents: Sequence[Extent]
    kept: list[int]
    starts: Mapping[int, int]
    buffered: Mapping[int, list[int]]
    buffer: int

    @property
    def _after(self) -> int:
        return -(-len(self.kept) // self.unit)

    def packet(self, command: int) -> bytes:
        """Its words for the buffer."""
        words = self.buffered[command]
        if self.unit == 2:
            words = [low | high << HALF_BITS for low, high in zip(words[::2], words[1::2])]
        return packet(self.memory, self._after, words)

    def moved(self, command: int, fields: Fields) -> Fields:
        """The command with its address where its words are now; which part of a word they begin in stays."""
        extent = self.extents[command]
        if extent is None:
            return fields
        return {**fields, self.field: self.unit * self.starts.get(command, self._after) + extent[0] % self.unit}


def _store(image: Image, memory: int, field: str, unit: int, capacity: int, pinned: Set[int]) -> _Store | None:
    """`pinned`: commands whose words must stay. None if that is not possible."""
    words, extents = image.words[memory], image.extents[memory]
    if -(-len(words) // unit) <= capacity:
        places = {command: extent[0] // unit for command, extent in enumerate(extents) if extent}
        return _Store(memory, field, unit, extents, words, places, {}, 0)
    aligned = [_aligned(words, extent, unit) for extent in extents]
    sizes = [len(part) // unit for part in aligned]
    chosen = _resident(sizes, capacity, {command for command in pinned if sizes[command]})
    if chosen is None:
        return None
    kept: list[int] = []
    starts = {}
    for command in sorted(chosen):
        starts[command] = len(kept) // unit
        kept += aligned[command]
    buffered = {command: part for command, part in enumerate(aligned) if part and command not in chosen}
    buffer = max(map(len, buffered.values()), default=0) // unit
    return _Store(memory, field, unit, extents, kept, starts, buffered, buffer)


def _aligned(words: Sequence[int], extent: Extent, unit: int) -> list[int]:
    """All words that an extent touches, whole."""
    if extent is None:
        return []
    first, last = extent[0] // unit * unit, -(-extent[1] // unit) * unit
    part = list(words[first:last])
    return part + [0] * (last - first - len(part))


def _beside_input(image: Image) -> set[int]:
    """Commands from an INPUT to the last ARRAY that waits for its words."""
    found, since = set(), []
    for number, command in enumerate(image.words[f.MEMORY.COMMANDS]):
        since = [] if command["opcode"] == f.OPCODE.INPUT else [*since, number]
        if command["opcode"] == f.OPCODE.ARRAY and command["src"]:
            found.update(since)
    return found


def _resident(sizes: Sequence[int], capacity: int, pinned: Set[int] = frozenset()) -> set[int] | None:
    """Commands whose words stay on chip, `pinned` among them; None if too many must.

    The buffer is as large as the largest of the others, so each size is tried as that.
    """
    if sum(sizes) <= capacity:
        return {command for command, n in enumerate(sizes) if n}
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
