"""Conversations with firmware/app on the fake board harness_board.c, under sanitizers, and requests to start with."""

from __future__ import annotations

import numpy as np

from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, INFER_REQUEST, MAX_PAYLOAD, STATUS, TRANSFER, Frame
from tests.firmware.harness_build import FIRMWARE, HERE, run_c

APP = [FIRMWARE / "app" / "link.c", FIRMWARE / "app" / "main.c", HERE / "harness_board.c"]
HELLO = frames.encode(Frame(COMMAND.HELLO, 0xBEEF))
CHUNK = MAX_PAYLOAD.value - TRANSFER.size
VERSION = frames.LINK_VERSION.value


def replies(program, wire: bytes, status: int = 0) -> list[Frame]:
    """The replies to everything in `wire`; FormatError if one is not well formed."""
    sent = run_c(program, wire, status)
    assert sent[:1] + sent[-1:] in (b"", b"\0\0")
    return [frames.decode(part) for part in sent.split(b"\0") if part]


def assert_as_the_twin(program, twin, wire: bytes) -> list[Frame]:
    """All replies are the twin's, and HELLO works afterwards."""
    got = replies(program, wire + b"\0" + HELLO)
    expected = twin.answers(wire + b"\0" + HELLO)
    for index, (ours, theirs) in enumerate(zip(got, expected)):
        assert ours == theirs, f"reply {index}"
    assert len(got) == len(expected)
    assert (got[-1].status, got[-1].sequence, len(got[-1].payload)) == (STATUS.OK, 0xBEEF, 64)
    return got


def request(command: int, payload: bytes = b"", sample: int = 0, sequence: int = 1, version: int = VERSION) -> bytes:
    return frames.encode(Frame(command, sequence, sample, payload=payload, version=version))


def load(twin, sample: int, seed: int = 0) -> list[bytes]:
    """The frames of one whole input."""
    data = np.random.default_rng(seed).bytes(len(twin.input))
    parts = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)]
    heads = [TRANSFER.pack(offset=i * CHUNK, count=len(part)) for i, part in enumerate(parts)]
    return [request(COMMAND.LOAD_INPUT, head + part, sample) for head, part in zip(heads, parts)]


def infer(sample: int, stop_layer: int = frames.ALL_LAYERS.value, digests: int = 1, level: int = 0) -> bytes:
    return request(COMMAND.INFER, INFER_REQUEST.pack(stop_layer=stop_layer, digests=digests, level=level), sample)


def read(command: int, sample: int, offset: int, count: int, layer: int = 0) -> bytes:
    return request(command, TRANSFER.pack(offset=offset, count=count, layer=layer), sample)
