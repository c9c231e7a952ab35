"""Damaged and hostile files: a `ModelError` or a graph that runs, quickly, and nothing else."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
import tflite

from edge_tr.errors import ModelError
from edge_tr.golden.run import run
from edge_tr.golden.samples import seeded_samples
from edge_tr.ir.tflite import parse
from tests.models.random_ops import BUILDERS, build

SECONDS = 2.0  # for one small file; measured: milliseconds
WORDS = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1 << 24, 65536, 4)


def survives(data: bytes) -> bool:
    """Whether `data` imported; if it did, one sample must run."""
    start = time.monotonic()
    try:
        graph = parse(data)
        run(graph, seeded_samples(graph, 1))
        return True
    except ModelError:
        return False
    finally:
        assert time.monotonic() - start < SECONDS


def small_models() -> list[bytes]:
    rng = np.random.default_rng(11)
    return [build(kind, rng) for kind in BUILDERS]


@pytest.mark.parametrize("data", [b"", b"\0", b"TFL3", b"\0\0\0\0TFL3", b"\xff" * 64, b"\xff\xff\xff\xffTFL3" * 8])
def test_no_model_at_all(data):
    assert not survives(data)


def test_every_truncation():
    for model in small_models():
        assert not any(survives(model[:n]) for n in range(0, len(model) - 64, 7))
        for n in range(len(model) - 64, len(model)):
            survives(model[:n])


def test_random_bytes_behind_the_identifier():
    rng = np.random.default_rng(12)
    for _ in range(1000):
        noise = rng.integers(0, 256, int(rng.integers(8, 300)), dtype=np.uint8).tobytes()
        survives(noise[:4] + b"TFL3" + noise[8:])
        survives(struct.pack("<I", int(rng.integers(0, 64))) + b"TFL3" + noise)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_and_planted_words(seed):
    rng = np.random.default_rng([13, seed])
    models = small_models()
    imported = 0
    for _ in range(1500):
        data = bytearray(models[int(rng.integers(len(models)))])
        for _ in range(int(rng.choice([1, 1, 2, 8]))):
            position = int(rng.integers(len(data) - 4))
            if rng.random() < 0.5:
                data[position] ^= 1 << int(rng.integers(8))
            else:
                struct.pack_into("<I", data, position // 4 * 4, int(rng.choice(WORDS)))
        imported += survives(bytes(data))
    assert 0 < imported < 1500


def table_field(table, field: int) -> int:
    """Where field number `field` of a flatbuffers table lies in the file."""
    return table._tab.Pos + table._tab.Offset(4 + 2 * field)


@pytest.mark.parametrize("length", [1 << 14, 1 << 24, 0xFFFFFFFF])
@pytest.mark.parametrize("field", [0, 3])  # tensors, operators
def test_a_vector_that_claims_to_be_huge(field, length):
    data = bytearray(build("SOFTMAX", np.random.default_rng(1)))
    subgraph = tflite.Model.GetRootAs(bytes(data), 0).Subgraphs(0)
    struct.pack_into("<I", data, subgraph._tab.Vector(subgraph._tab.Offset(4 + 2 * field)) - 4, length)
    assert not survives(bytes(data))


def test_thousands_of_operators_that_share_one_long_vector():
    """16,000 times one operator with 16,000 inputs in 130 kB: refused by the budget of bytes to read."""
    count = 16000
    data = bytearray(build("QUANTIZE", np.random.default_rng(3)))
    subgraph = tflite.Model.GetRootAs(bytes(data), 0).Subgraphs(0)
    data += bytes(-len(data) % 4)
    forged = len(data)
    table = 4 + 4 * count  # after the vector of operators, from here on relative to `forged`
    inputs = table + 16
    data += struct.pack("<I", count) + b"".join(struct.pack("<I", table - 4 - 4 * i) for i in range(count))
    vtable = inputs + 8 + 4 * count
    data += struct.pack("<iIII", table - vtable, 0, inputs - table - 8, inputs + 4 + 4 * count - table - 12)
    data += struct.pack("<I", count) + bytes(4 * count) + struct.pack("<I", 0)
    data += struct.pack("<HHHHH", 10, 16, 4, 8, 12)
    struct.pack_into("<I", data, table_field(subgraph, 3), forged - table_field(subgraph, 3))
    operator = tflite.Model.GetRootAs(bytes(data), 0).Subgraphs(0).Operators(count - 1)
    assert (operator.OpcodeIndex(), operator.InputsLength(), operator.OutputsLength()) == (0, count, 0)
    with pytest.raises(ModelError, match="far more data than the file holds"):
        parse(bytes(data))
    assert not survives(bytes(data))


def test_a_name_without_an_end_and_an_offset_out_of_the_file():
    """The interpreter would read past both; `verify` does not let them through."""
    data = build("QUANTIZE", np.random.default_rng(2))
    tensor = tflite.Model.GetRootAs(data, 0).Subgraphs(0).Tensors(0)
    end = tensor._tab.Vector(tensor._tab.Offset(10)) + len(tensor.Name())
    with pytest.raises(ModelError, match="a name without an end"):
        parse(data[:end] + b"x" + data[end + 1 :])
    field = table_field(tensor, 4)
    with pytest.raises(ModelError, match="points to bytes"):
        parse(data[:field] + struct.pack("<I", len(data)) + data[field + 4 :])


@pytest.mark.parametrize("dims", [(2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (-1, -1), (1, 0)])
def test_impossible_shapes(dims):
    data = bytearray(build("QUANTIZE", np.random.default_rng(2)))
    subgraph = tflite.Model.GetRootAs(bytes(data), 0).Subgraphs(0)
    for i in range(2):
        tensor = subgraph.Tensors(i)
        start = tensor._tab.Vector(tensor._tab.Offset(4))
        struct.pack_into("<ii", data, start, *dims)
    assert not survives(bytes(data))
