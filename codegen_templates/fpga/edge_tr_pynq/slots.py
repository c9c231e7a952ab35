"""Buffers of the accelerator's runs: which bytes are sent and received, and which elements of tensors they are."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edge_tr_pynq.program import Segment

Tensors = dict[int, np.ndarray]
"""By number, [elements] of their types."""
BEAT = 8  # bytes


class Registers(Protocol):
    """The accelerator's registers, and buffers that its streams are moved from and to."""

    def read(self, offset: int) -> int: ...
    def write(self, offset: int, value: int) -> None: ...
    def allocate(self, size: int, dtype: type) -> np.ndarray: ...


class Slot:
    """Buffers of one run of the accelerator on its way, and by number the tensors that the processor has."""

    def __init__(self, segment: Segment, ip: Registers, word_bytes: int) -> None:
        self.segment, self._word_bytes = segment, word_bytes
        self.values: Tensors = {}
        inputs = sum(len(send.index) for send in segment.sends)
        self.sent = ip.allocate(inputs + BEAT * len(segment.stream), np.uint8)
        outputs = word_bytes * sum(read.words for read in segment.reads)
        self.received = ip.allocate(outputs, np.uint8) if outputs else None
        stream, at, done = segment.stream.view(np.uint8), 0, 0
        self._places = []  # of each send
        for send in segment.sends:
            before = stream[done : BEAT * send.after]
            self.sent[at : at + len(before)] = before
            done, at = done + len(before), at + len(before)
            self._places.append(at)
            at += len(send.index)
        self.sent[at:] = stream[done:]
        self._sizes: dict[int, int] = {}  # of the tensors that come
        for read in segment.reads:
            self._sizes[read.tensor] = max(self._sizes.get(read.tensor, 0), read.first + len(read.index))

    def fill(self, values: Tensors) -> None:
        """What is sent, from int8 tensors."""
        self.values = values
        padded = {send.tensor: np.append(values[send.tensor], np.int8(0)) for send in self.segment.sends}
        for send, at in zip(self.segment.sends, self._places):
            self.sent[at : at + len(send.index)] = padded[send.tensor][send.index].view(np.uint8)

    def take(self) -> None:
        """What was received becomes tensors of `values`."""
        received, at = np.array(self.received).view(np.int8), 0
        self.values.update((tensor, np.empty(size, np.int8)) for tensor, size in self._sizes.items())
        for read in self.segment.reads:
            self.values[read.tensor][read.first : read.first + len(read.index)] = received[at:][read.index]
            at += self._word_bytes * read.words

    def free(self) -> None:
        """Give the buffers back."""
        self.sent.freebuffer()
        if self.received is not None:
            self.received.freebuffer()
