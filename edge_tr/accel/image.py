"""The memories of a program while it is put together: words are added, addresses come back, equal ones are shared."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_tr.accel.gather import Cut
from edge_tr.accel.scale import Scale, parameter
from edge_tr.formats import accelerator as f

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


@dataclass
class Image:
    """Words by AccelMemory; weights are kept as halves of a word, each a term word.

    extents  of weights (in halves) and of channel parameters, by command: what it reads
    buffers  by memory: room in it for words that are not among these
    """

    words: dict[int, list[int]] = field(default_factory=lambda: {memory: [] for memory in _BEATS})
    shared: dict[tuple[int, int], int] = field(default_factory=dict)
    lists: dict[tuple[int, ...], int] = field(default_factory=dict)
    extents: dict[int, list[Extent]] = field(default_factory=lambda: {memory: [] for memory in _STREAMED})
    buffers: dict[int, int] = field(default_factory=dict)

    def _share(self, memory: int, word: int) -> int:
        key = (memory, word)
        if key not in self.shared:
            self.shared[key] = len(self.words[memory])
            self.words[memory].append(word)
        return self.shared[key]

    def terms(self, words: Sequence[int]) -> int:
        """Term words; the address of the first, in halves."""
        halves = self.words[f.MEMORY.WEIGHTS]
        start = len(halves)
        halves += words
        return start

    def dense(self, words: list[int]) -> int:
        """Whole words; the address of the first, in halves."""
        halves = self.words[f.MEMORY.WEIGHTS]
        if len(halves) % 2:
            halves.append(0)
        start = len(halves)
        for word in words:
            halves += [word & ((1 << HALF_BITS) - 1), word >> HALF_BITS]
        return start

    def mask(self, cut: Cut) -> int:
        """Where the cut's mask is."""
        fields = {"write": cut.write} | {f"keep{b}": keep for b, keep in enumerate(cut.keep)}
        return self._share(f.MEMORY.MASKS, int.from_bytes(f.MASK.pack(**fields), "little"))

    def gather(self, ops: list[dict[str, int]]) -> int:
        """A list of GatherOps given by their fields; its address. Equal lists are one."""
        memory = self.words[f.MEMORY.GATHER]
        words = tuple(int.from_bytes(f.GATHER.pack(**op), "little") for op in ops)
        if words not in self.lists:
            self.lists[words] = len(memory)
            memory += words
        return self.lists[words]

    def parameter(self, scale: Scale, bias: int) -> int:
        """One channel's; its address."""
        memory = self.words[f.MEMORY.PARAMETERS]
        memory.append(parameter(scale, bias))
        return len(memory) - 1

    def parameters(self, channels: list[tuple[Scale, int]]) -> int:
        """Those of neighbouring channels, (scale, bias) each; the first one's address."""
        return min(self.parameter(scale, bias) for scale, bias in channels)

    def command(self, extent: Extent = None, channels: int = 0, **fields: int) -> int:
        """One command; its index. Signed fields may be negative. Its weights are in halves `extent`, or were added just
        before; it reads the parameters of so many channels."""
        weights, first = fields.get("weights"), fields.get("parameters", 0)
        added = None if weights is None else (weights, len(self.words[f.MEMORY.WEIGHTS]))
        self.extents[f.MEMORY.WEIGHTS].append(extent or added)
        self.extents[f.MEMORY.PARAMETERS].append((first, first + channels) if channels else None)
        widths = {item.name: item.bits for item in f.COMMAND.fields}
        raw = {name: value & ((1 << widths[name]) - 1) for name, value in fields.items()}
        memory = self.words[f.MEMORY.COMMANDS]
        memory.append(int.from_bytes(f.COMMAND.pack(**raw), "little"))
        return len(memory) - 1

    def used(self) -> dict[str, tuple[int, int]]:
        """Words used and there, by name."""
        counts = {memory: len(words) for memory, words in self.words.items()}
        counts[f.MEMORY.WEIGHTS] = (counts[f.MEMORY.WEIGHTS] + 1) // 2
        return {
            name: (counts[memory] + self.buffers.get(memory, 0), depth) for memory, (_, depth, name) in _BEATS.items()
        }

    def _whole(self, memory: int) -> list[int]:
        words = self.words[memory]
        if memory != f.MEMORY.WEIGHTS:
            return words
        padded = words + [0] * (len(words) % 2)
        return [low | high << HALF_BITS for low, high in zip(padded[::2], padded[1::2])]

    def load(self) -> tuple[np.ndarray, int]:
        """uint64 beats that load all memories, and their CRC-32."""
        parts = [packet(memory, 0, self._whole(memory)) for memory in _BEATS if self.words[memory]]
        return finish(parts)


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
