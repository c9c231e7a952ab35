"""What does not fit: commands whose weights, or channel parameters, stay in DDR and come with each inference, through a
LOAD before them.

Such a memory is then words of resident commands, loaded once, and two buffers that streamed commands use in turn: a
LOAD fills one while the command before computes from the other. Which are resident is chosen so that least is streamed.
Commands that run beside an INPUT are: a LOAD would take the words that the INPUT waits for.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.accel.image import HALF_BITS, Extent, Fields, Image, finish, packet
from edge_tr.formats import accelerator as f

LOAD_COMMAND = 7  # cycles of a LOAD that others may begin beside
LOAD_ENDS = 3  # cycles after its beats and LOAD_COMMAND
LOAD_OVERHEAD = 8  # cycles besides its beats of a LOAD that nothing begins beside
BUFFERS = 2


@dataclass(frozen=True)
class Load:
    """A LOAD. uint64 [n], its packets; `before`: the command that it is in front of; `needed`: the first command that
    reads what it brings. `beside`: what does not need it may begin before it has ended."""

    beats: np.ndarray
    before: int
    needed: int
    beside: bool


@dataclass(frozen=True)
class Streamed:
    """What became of an image.

    loads  in order
    index  int [commands], where each command is now
    """

    image: Image
    loads: tuple[Load, ...]
    index: tuple[int, ...]

    def within(self, commands: range) -> tuple[Load, ...]:
        """Loads in front of these commands."""
        return tuple(load for load in self.loads if load.before in commands)

    def waits(self, durations: Mapping[int, int], commands: range) -> dict[int, int]:
        """By command of a run: how many cycles later it begins for loads. `durations`: cycles, by command."""
        found, now, free, last = {}, 0, 0, None
        before: dict[int, list[Load]] = {}
        for load in self.within(commands):
            before.setdefault(load.before, []).append(load)
        fields = self.image.words[f.MEMORY.COMMANDS]
        for command in commands:
            begin = now
            for last in before.get(command, ()):
                now = max(now, free)
                free = now + len(last.beats) + (LOAD_COMMAND + LOAD_ENDS if last.beside else LOAD_OVERHEAD)
                now = now + LOAD_COMMAND if last.beside else free
            if not (last and _goes_on(fields[self.index[command]])):
                now = max(now, free)
            found[command] = now - begin
            now += durations.get(command, 0)
        return found


def _goes_on(fields: Fields) -> bool:
    return bool(fields["during_load"]) and fields["opcode"] not in (f.OPCODE.INPUT, f.OPCODE.LOAD, f.OPCODE.END)


def streamed(image: Image) -> Streamed:
    """The image with as much resident as fits; the same image if all does, or if no way is found."""
    for buffers in (BUFFERS, 1):
        stores = _stores(image, buffers)
        if None not in stores and any(store.buffered for store in stores):
            return _rewritten(image, stores, beside=buffers == BUFFERS)
        if None not in stores:
            break
    return resident(image)


def page(image: Image) -> Streamed:
    """An image that begins with a LOAD of all of itself; what it reads but once comes beside that."""
    stores = _stores(image, BUFFERS, comes=True)
    done = streamed(image) if None in stores else _rewritten(image, stores, beside=True)
    whole = Load(done.image.load()[0], 0, 1, False)
    return replace(done, loads=(whole, *done.loads))


def resident(image: Image) -> Streamed:
    """The image as it is: nothing is streamed."""
    return Streamed(image, (), tuple(range(len(image.words[f.MEMORY.COMMANDS]))))


def _stores(image: Image, buffers: int, *, comes: bool = False) -> list[_Store | None]:
    """`comes`: all of the image does, with each inference."""
    pinned = _beside_input(image)
    return [
        _store(image, f.MEMORY.WEIGHTS, "weights", 2, f.WEIGHT_WORDS.value, buffers, pinned, comes),
        _store(image, f.MEMORY.PARAMETERS, "parameters", 1, f.PARAMETERS.value, buffers, pinned, comes),
    ]


def _rewritten(image: Image, stores: Sequence[_Store], beside: bool) -> Streamed:
    """The image with LOADs among its commands."""
    commands = image.words[f.MEMORY.COMMANDS]
    loads = _loads(image, stores, beside)
    moved = Image(words={memory: list(words) for memory, words in image.words.items()})
    rewritten = moved.words[f.MEMORY.COMMANDS] = []
    index, waiting, last = [], list(loads), None
    for command, fields in enumerate(commands):
        while waiting and waiting[0].before == command:
            last = waiting.pop(0)
            moved.command(opcode=f.OPCODE.LOAD, during_load=last.beside)
        index.append(len(rewritten))
        for store in stores:
            fields = store.moved(command, fields)
        rewritten.append({**fields, "during_load": int(last is not None and last.needed > command)})
    for store in stores:
        moved.words[store.memory] = store.kept
        moved.buffers[store.memory] = store.buffers * store.buffer
    return Streamed(moved, loads, tuple(index))


def _loads(image: Image, stores: Sequence[_Store], beside: bool) -> tuple[Load, ...]:
    """Each as early as its buffer is free, which is when the command begins that reads the other one."""
    needed = sorted({command for store in stores for command in store.buffered})
    starts = [0, *(i + 1 for i, c in enumerate(image.words[f.MEMORY.COMMANDS]) if c["opcode"] == f.OPCODE.END)]
    found, before = [], -1
    for command in needed:
        beats = finish([store.packet(command) for store in stores if command in store.buffered])[0]
        start = max(start for start in starts if start <= command)
        place = before if before >= start else _opening(image, start, command)
        found.append(Load(beats, place if beside else command, command, beside))
        before = command
    return tuple(found)


def _opening(image: Image, start: int, command: int) -> int:
    """The first command of a run behind a page's LOAD, its first INPUTs and what runs beside them; `command` if that
    comes earlier."""
    commands = image.words[f.MEMORY.COMMANDS]
    at = start + (commands[start]["opcode"] == f.OPCODE.LOAD)
    while at < command and (commands[at]["opcode"] == f.OPCODE.INPUT or _waits_on(commands, at, command)):
        at += 1
    return at


def _waits_on(commands: Sequence[Fields], at: int, end: int) -> bool:
    """Whether this command, or one behind it and before the next INPUT, begins while an INPUT is under way."""
    for fields in commands[at:end]:
        if fields["opcode"] == f.OPCODE.INPUT:
            return False
        if fields["opcode"] == f.OPCODE.ARRAY and fields["src"]:
            return True
    return False


@dataclass(frozen=True)
class _Store:
    """One memory of the result.

    unit      addresses to a word
    extents   by command: the addresses that it read in the image, [start, end), or None
    kept      what is loaded once
    starts    by extent whose words are there: the first word
    buffered  by command that needs words which come with each inference, and are in no buffer yet: which buffer, and
              all of them
    places    by command that reads a buffer: which
    buffer    words behind `kept` of each of `buffers` that are theirs
    """

    memory: int
    field: str
    unit: int
    extents: Sequence[Extent]
    kept: list[int]
    starts: Mapping[Extent, int]
    buffered: Mapping[int, list[int]]
    places: Mapping[int, int]
    buffer: int
    buffers: int

    def _at(self, command: int) -> int:
        """The first word of the buffer that a command reads."""
        return -(-len(self.kept) // self.unit) + self.places[command] * self.buffer

    def packet(self, command: int) -> bytes:
        """Its words for the buffer."""
        words = self.buffered[command]
        if self.unit == 2:
            words = [low | high << HALF_BITS for low, high in zip(words[::2], words[1::2])]
        return packet(self.memory, self._at(command), words)

    def moved(self, command: int, fields: Fields) -> Fields:
        """The command with its address where its words are now; which part of a word they begin in stays."""
        extent = self.extents[command]
        if extent is None:
            return fields
        start = self.starts[extent] if extent in self.starts else self._at(command)
        return {**fields, self.field: self.unit * start + extent[0] % self.unit}


def _store(
    image: Image, memory: int, field: str, unit: int, capacity: int, buffers: int, pinned: Set[int], comes: bool
) -> _Store | None:
    """`pinned`: commands whose words must stay. None if that is not possible. `comes`: words that are kept come too, so
    that only those are that several commands read."""
    words, extents = image.words[memory], image.extents[memory]
    if -(-len(words) // unit) <= capacity and not comes:
        starts = {of: of[0] // unit for of in extents if of}
        return _Store(memory, field, unit, extents, words, starts, {}, {}, 0, buffers)
    uses = Counter(of for of, _ in itertools.groupby(of for of in extents if of))
    aligned = {of: _aligned(words, of, unit) for of in uses}
    sizes = {of: len(part) // unit for of, part in aligned.items()}
    must = {extents[command] for command in pinned if extents[command]}
    chosen = _resident(sizes, uses, capacity, buffers, must, 2 if comes else 1)
    if chosen is None:
        return None
    kept: list[int] = []
    starts = {}
    for of in sorted(chosen):
        starts[of] = len(kept) // unit
        kept += aligned[of]
    coming, places, there = {}, {}, None
    for command, of in enumerate(extents):
        if of and of not in chosen:
            if of != there:
                coming[command], there = aligned[of], of
            places[command] = (len(coming) - 1) % buffers
        if image.words[f.MEMORY.COMMANDS][command]["opcode"] == f.OPCODE.END:
            there = None
    buffer = max(map(len, coming.values()), default=0) // unit
    return _Store(memory, field, unit, extents, kept, starts, coming, places, buffer, buffers)


def _aligned(words: Sequence[int], extent: tuple[int, int], unit: int) -> list[int]:
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
    sizes: Mapping[Extent, int],
    uses: Mapping[Extent, int],
    capacity: int,
    buffers: int,
    pinned: Set[Extent] = frozenset(),
    least_uses: int = 1,
) -> set[Extent] | None:
    """Extents whose words stay on chip, `pinned` among them; None if too many must. `uses`: how often they would come;
    with fewer than `least_uses` they do, unless they are too large.

    A buffer is as large as the largest of the others, so each size is tried as that.
    """
    if not sizes or (sum(sizes.values()) <= capacity and least_uses == 1):
        return {*sizes}
    best, least = None, None
    by_use = sorted(sizes, key=lambda of: (-uses[of], -sizes[of]))
    for buffer in sorted({*sizes.values()}):
        kept = {of for of in by_use if sizes[of] > buffer or of in pinned}
        free = capacity - buffers * buffer - sum(sizes[of] for of in kept)
        if free < 0:
            continue
        for of in by_use:
            if of not in kept and uses[of] >= least_uses and sizes[of] <= free:
                kept.add(of)
                free -= sizes[of]
        left = sum(n * uses[of] for of, n in sizes.items() if of not in kept)
        if least is None or left < least:
            best, least = kept, left
    return best
