"""The memories of a program while it is put together: words are added, addresses come back, equal ones are shared."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from edge_tr.accel.gather import Cut
from edge_tr.accel.scale import Scale, parameter
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.formats.schema import Record

HALF_BITS = f.TERM_WORD_BITS.value
_BEATS = {
    f.MEMORY.COMMANDS: (f.COMMAND.bits, f.COMMANDS.value, "commands"),
    f.MEMORY.WEIGHTS: (f.WEIGHT_BITS.value, f.WEIGHT_WORDS.value, "weight words"),
    f.MEMORY.GATHER: (f.GATHER.bits, f.GATHER_OPS.value, "gather operations"),
    f.MEMORY.MASKS: (f.MASK.bits, f.MASKS.value, "masks"),
    f.MEMORY.PARAMETERS: (f.PARAMETER.bits, f.PARAMETERS.value, "channel parameters"),
}

_STREAMED = (f.MEMORY.WEIGHTS, f.MEMORY.PARAMETERS)
"""What may stay in DDR, see `stream`."""
Extent = tuple[int, int] | None
"""Addresses [start, end) that a command reads, if any."""
Fields = Mapping[str, int]
"""All fields of a Command or a GatherOp; signed ones may be negative."""
_RECORDS = {f.MEMORY.COMMANDS: f.COMMAND, f.MEMORY.GATHER: f.GATHER}
"""What is packed last, when all of the image is known to fit: see ADDRESSES."""
ADDRESSES = {
    "mask": (f.GATHER, f.MASKS.value),
    "gather": (f.COMMAND, f.GATHER_OPS.value),
    "weights": (f.COMMAND, 2 * f.WEIGHT_WORDS.value),
    "parameters": (f.COMMAND, f.PARAMETERS.value),
}
"""Fields that say where words lie in a memory: whose they are, and how many addresses there are. While a program is put
together they may be beyond that, which `Image.used` tells. Other fields are checked when they are given."""


def _limits(record: Record, signed: Set[str] = frozenset()) -> dict[str, tuple[int, int]]:
    """By field: its least and largest number."""
    halves = {item.name: 1 << item.bits - 1 for item in record.fields}
    return {name: (-half, half - 1) if name in signed else (0, 2 * half - 1) for name, half in halves.items()}


LIMITS = {f.COMMAND.name: _limits(f.COMMAND, f.COMMAND_SIGNED), f.GATHER.name: _limits(f.GATHER)}


@dataclass
class Image:
    """Words by AccelMemory: commands and gather operations as their fields, weights as halves of a word, each a term
    word.

    extents  of weights (in halves) and of channel parameters, by command: what it reads
    buffers  by memory: room in it for words that are not among these
    """

    words: dict[int, list[int] | list[Fields]] = field(default_factory=lambda: {memory: [] for memory in _BEATS})
    shared: dict[tuple[int, int], int] = field(default_factory=dict)
    lists: dict[tuple[tuple[int, ...], ...], int] = field(default_factory=dict)
    weights: dict[tuple[int, ...], int] = field(default_factory=dict)
    wholes: dict[tuple[int, ...], int] = field(default_factory=dict)
    scales: dict[tuple[tuple[Scale, int], ...], int] = field(default_factory=dict)
    extents: dict[int, list[Extent]] = field(default_factory=lambda: {memory: [] for memory in _STREAMED})
    buffers: dict[int, int] = field(default_factory=dict)

    def copied(self) -> Image:
        """Another image of the same words, to which other ones can be added."""
        return Image(
            {memory: list(words) for memory, words in self.words.items()}, dict(self.shared), dict(self.lists),
            dict(self.weights), dict(self.wholes), dict(self.scales),
            {memory: list(of) for memory, of in self.extents.items()}, dict(self.buffers),
        )  # fmt: skip

    def _share(self, memory: int, word: int) -> int:
        key = (memory, word)
        if key not in self.shared:
            self.shared[key] = len(self.words[memory])
            self.words[memory].append(word)
        return self.shared[key]

    def terms(self, words: Sequence[int]) -> int:
        """Term words; the address of the first, in halves. Strips of a layer have the same."""
        key = tuple(words)
        if key not in self.weights:
            halves = self.words[f.MEMORY.WEIGHTS]
            self.weights[key] = len(halves)
            halves += key
        return self.weights[key]

    def dense(self, words: list[int]) -> int:
        """Whole words; the address of the first, in halves. Equal ones are there once."""
        key = tuple(words)
        if key not in self.wholes:
            halves = self.words[f.MEMORY.WEIGHTS]
            if len(halves) % 2:
                halves.append(0)
            self.wholes[key] = len(halves)
            for word in words:
                halves += [word & ((1 << HALF_BITS) - 1), word >> HALF_BITS]
        return self.wholes[key]

    def mask(self, cut: Cut) -> int:
        """Where the cut's mask is."""
        fields = {"write": cut.write} | {f"keep{b}": keep for b, keep in enumerate(cut.keep)}
        return self._share(f.MEMORY.MASKS, int.from_bytes(f.MASK.pack(**fields), "little"))

    def gather(self, ops: list[dict[str, int]]) -> int:
        """A list of GatherOps given by their fields; its address. Equal lists are one. DoesNotFitError if a number is
        larger than its field."""
        memory = self.words[f.MEMORY.GATHER]
        words = [_checked(f.GATHER, op) for op in ops]
        key = tuple(tuple(word.values()) for word in words)
        if key not in self.lists:
            self.lists[key] = len(memory)
            memory += words
        return self.lists[key]

    def parameter(self, scale: Scale, bias: int) -> int:
        """One channel's; its address."""
        memory = self.words[f.MEMORY.PARAMETERS]
        memory.append(parameter(scale, bias))
        return len(memory) - 1

    def parameters(self, channels: list[tuple[Scale, int]]) -> int:
        """Those of neighbouring channels, (scale, bias) each; the first one's address. Strips of a layer have the
        same."""
        key = tuple(channels)
        if key not in self.scales:
            self.scales[key] = min(self.parameter(scale, bias) for scale, bias in channels)
        return self.scales[key]

    def command(self, extent: Extent = None, channels: int = 0, **fields: int) -> int:
        """One command; its index. DoesNotFitError if a number is larger than its field.

        extent    halves in which its weights are; None: those that were added just before
        channels  how many channels' parameters it reads
        """
        weights, first = fields.get("weights"), fields.get("parameters", 0)
        added = None if weights is None else (weights, len(self.words[f.MEMORY.WEIGHTS]))
        self.extents[f.MEMORY.WEIGHTS].append(extent or added)
        self.extents[f.MEMORY.PARAMETERS].append((first, first + channels) if channels else None)
        memory = self.words[f.MEMORY.COMMANDS]
        memory.append(_checked(f.COMMAND, fields))
        return len(memory) - 1

    def used(self) -> dict[str, tuple[int, int]]:
        """Words used and there, by name."""
        counts = {memory: len(words) for memory, words in self.words.items()}
        counts[f.MEMORY.WEIGHTS] = (counts[f.MEMORY.WEIGHTS] + 1) // 2
        return {
            name: (counts[memory] + self.buffers.get(memory, 0), depth) for memory, (_, depth, name) in _BEATS.items()
        }

    def packed(self, memory: int) -> list[int]:
        """The memory's whole words as they are loaded, of an image that fits."""
        words = self.words[memory]
        if memory in _RECORDS:
            return [_packed(_RECORDS[memory], word) for word in words]
        if memory != f.MEMORY.WEIGHTS:
            return words
        padded = words + [0] * (len(words) % 2)
        return [low | high << HALF_BITS for low, high in zip(padded[::2], padded[1::2])]

    def load(self) -> tuple[np.ndarray, int]:
        """uint64 beats that load all memories, and their CRC-32."""
        parts = [packet(memory, 0, self.packed(memory)) for memory in _BEATS if self.words[memory]]
        return finish(parts)


def _checked(record: Record, fields: Fields) -> Fields:
    """All of the record's fields; DoesNotFitError if a number is not one of its field's, but for ADDRESSES."""
    for name, value in fields.items():
        low, high = LIMITS[record.name][name]
        if not low <= value <= high and name not in ADDRESSES:
            raise DoesNotFitError(f"{name} of a {record.name} would be {value:,}, its field holds {low:,} to {high:,}")
    return dict.fromkeys(record.offsets, 0) | {name: int(value) for name, value in fields.items()}


def _packed(record: Record, fields: Fields) -> int:
    signed = {name for name, (low, _) in LIMITS[record.name].items() if low < 0}
    raw = {i.name: fields[i.name] % (1 << i.bits) if i.name in signed else fields[i.name] for i in record.fields}
    return int.from_bytes(record.pack(**raw), "little")


def packet(memory: int, address: int, words: list[int]) -> bytes:
    """A load packet."""
    size = _BEATS[memory][0] // 8
    header = f.PACKET.pack(memory=memory, address=address, value=len(words))
    return header + b"".join(word.to_bytes(size, "little") for word in words)


def finish(parts: list[bytes]) -> tuple[np.ndarray, int]:
    """Packets and the END packet as uint64 beats; the CRC-32."""
    data = b"".join(parts)
    crc = zlib.crc32(data)
    data += f.PACKET.pack(memory=f.MEMORY.END, value=crc)
    return np.frombuffer(data, "<u8").astype(np.uint64), crc
