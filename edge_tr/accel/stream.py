"""What does not fit: commands whose weights, or channel parameters, stay in DDR and come with each inference, through a
LOAD before them.

Such a memory is then two parts: words of resident commands, loaded once, and a buffer that streamed commands use one
after the other. Which are resident is chosen so that least is streamed. Commands that run beside an INPUT are: a LOAD
would take the words that the INPUT waits for.
"""

from __future__ import annotations

import itertools
from collections import Counter
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
    starts    by extent whose words are there: the first word
    buffered  by command that needs words which come with each inference, and are not in the buffer yet: all of them
    buffer    words behind `kept` that are theirs
    """

    memory: int
    field: str
    unit: int
    extents: Sequence[Extent]
    kept: list[int]
    starts: Mapping[Extent, int]
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
        return {**fields, self.field: self.unit * self.starts.get(extent, self._after) + extent[0] % self.unit}


def _store(image: Image, memory: int, field: str, unit: int, capacity: int, pinned: Set[int]) -> _Store | None:
    """`pinned`: commands whose words must stay. None if that is not possible."""
    words, extents = image.words[memory], image.extents[memory]
    if -(-len(words) // unit) <= capacity:
        return _Store(memory, field, unit, extents, words, {of: of[0] // unit for of in extents if of}, {}, 0)
    uses = Counter(of for of, _ in itertools.groupby(of for of in extents if of))
    aligned = {of: _aligned(words, of, unit) for of in uses}
    sizes = {of: len(part) // unit for of, part in aligned.items()}
    chosen = _resident(sizes, uses, capacity, {extents[command] for command in pinned if extents[command]})
    if chosen is None:
        return None
    kept: list[int] = []
    starts = {}
    for of in sorted(chosen):
        starts[of] = len(kept) // unit
        kept += aligned[of]
    buffered, there = {}, None
    for command, of in enumerate(extents):
        if of and of not in chosen and of != there:
            buffered[command], there = aligned[of], of
        if image.words[f.MEMORY.COMMANDS][command]["opcode"] == f.OPCODE.END:
            there = None  # a check begins with any run
    buffer = max(map(len, buffered.values()), default=0) // unit
    return _Store(memory, field, unit, extents, kept, starts, buffered, buffer)


def _aligned(words: Sequence[int], extent: Extent, unit: int) -> list[int]:
    """All words that an extent touches, whole."""
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


def _resident(
    sizes: Mapping[Extent, int], uses: Mapping[Extent, int], capacity: int, pinned: Set[Extent] = frozenset()
) -> set[Extent] | None:
    """Extents whose words stay on chip, `pinned` among them; None if too many must. `uses`: how often they would come.

    The buffer is as large as the largest of the others, so each size is tried as that.
    """
    if sum(sizes.values()) <= capacity:
        return {*sizes}
    best, least = None, None
    by_use = sorted(sizes, key=lambda of: (-uses[of], -sizes[of]))
    for buffer in sorted({*sizes.values()}):
        kept = {of for of in by_use if sizes[of] > buffer or of in pinned}
        free = capacity - buffer - sum(sizes[of] for of in kept)
        if free < 0:
            continue
        for of in by_use:
            if of not in kept and sizes[of] <= free:
                kept.add(of)
                free -= sizes[of]
        left = sum(n * uses[of] for of, n in sizes.items() if of not in kept)
        if least is None or left < least:
            best, least = kept, left
    return best
