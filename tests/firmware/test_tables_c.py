"""Weight tables as the firmware reads them, under sanitizers: whole or damaged, and multiplied by every kernel."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.formats.term_table import TABLE_HEADER
from edge_tr.kernels import KERNELS
from edge_tr.kernels.patches import PatchKernel
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import reveal, truncate_data
from tests.firmware.harness_build import HERE, compile_c, compile_runtime, run_c

SYMBOLS = (None, "tr_dot_planes", "tr_dot_pairs", "tr_dot_int8", "tr_dot_int16")  # as harness_table.c numbers them
TABLE_KERNELS = [kernel for kernel in KERNELS if isinstance(kernel, PatchKernel)]
LIMITS = {"int8": (-128, 127), "int16": (-255, 255)}
GROUPS = (1, 2, 3, 7, 8, 16, 100, 255, 256)
TABLES = 120


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    return compile_c(folder / "tables", [HERE / "harness_table.c", compile_runtime(folder)])


def only_check(table: bytes) -> bytes:
    return struct.pack("<III", len(table), 0, 0) + table


def are_whole(program, tables: list[bytes]) -> list[int]:
    """What tr_table_check says of each."""
    return np.frombuffer(run_c(program, b"".join(map(only_check, tables))), "<i4").tolist()


def small_table(kernel) -> bytes:
    setting = TrSetting(4, 5, None)
    weights = np.random.default_rng(1).integers(-128, 128, (3, 6)).astype(np.int8)
    return term_table.encode(kernel.table(reveal(weights, 4, 5), setting))


def random_layer(rng: np.random.Generator, nine_bits: bool) -> tuple[np.ndarray, TrSetting]:
    """Weights [rows, depth] of any density, with extremes, and how they are revealed; `nine_bits`: or of nine bits."""
    rows, depth = int(rng.integers(1, 7)), int(rng.choice([1, 2, 3, 8, int(rng.integers(1, 600))]))
    dtype = "int16" if nine_bits and rng.random() < 0.5 else "int8"
    least, most = LIMITS[dtype]
    weights = rng.integers(least, most + 1, (rows, depth)) * (rng.random((rows, depth)) < rng.choice([0, 0.1, 1]))
    if rng.random() < 0.3:
        weights = rng.choice([least, most], (rows, depth))
    data_terms = None if rng.random() < 0.5 else int(rng.integers(1, 4))
    terms = None if rng.random() < 0.3 else int(rng.integers(1, 30))
    return weights.astype(dtype), TrSetting(int(rng.choice(GROUPS)), terms, data_terms)


def random_patch(rng: np.random.Generator, depth: int, setting: TrSetting) -> np.ndarray:
    """int16 [depth], in -255..255, or cut to s terms and then in -256..256."""
    patch = np.where(rng.random(depth) < 0.5, rng.integers(-255, 256, depth), rng.choice([-255, 255, 0], depth))
    return (patch if setting.data_terms is None else truncate_data(setting.data_terms)[patch + 255]).astype("<i2")


@pytest.mark.parametrize("kernel", TABLE_KERNELS, ids=lambda kernel: kernel.name)
def test_every_kernel_computes_the_revealed_weights_times_the_data(kernel, program):
    """In the scratch memory that the kernel table grants, to the byte."""
    rng = np.random.default_rng(SYMBOLS.index(kernel.symbol))
    wire, expected = b"", []
    for _ in range(TABLES):
        weights, setting = random_layer(rng, kernel.nine_bits)
        revealed = reveal(weights, setting.group, setting.terms, limits=LIMITS[weights.dtype.name])
        patch = random_patch(rng, weights.shape[1], setting)
        table = kernel.table(revealed, setting)
        data, scratch = term_table.encode(table), kernel.scratch_bytes(table.depth, table.planes)
        wire += struct.pack("<III", len(data), scratch, SYMBOLS.index(kernel.symbol)) + data + patch.tobytes()
        expected += [1, *(revealed.values.astype(np.int64) @ patch).tolist()]
    assert np.frombuffer(run_c(program, wire), "<i4").tolist() == expected


@pytest.mark.parametrize("kernel", TABLE_KERNELS, ids=lambda kernel: kernel.name)
def test_every_flipped_bit_of_a_table_is_noticed(kernel, program):
    """Except in the length's upper bits, see below."""
    table = small_table(kernel)
    length = 8 * (TABLE_HEADER.offsets["payload_bytes"] // 8)
    damaged = []
    for bit in range(8 * len(table)):
        grows = (
            length <= bit < length + 32 and not int.from_bytes(table[length // 8 :][:4], "little") >> bit - length & 1
        )
        if not grows:
            copy = bytearray(table)
            copy[bit // 8] ^= 1 << bit % 8
            damaged.append(bytes(copy))
    assert are_whole(program, [table, *damaged, table]) == [1, *[0] * len(damaged), 1]


@pytest.mark.parametrize(("field", "value"), [("magic", 0x54575255), ("version", 0), ("version", 2)])
def test_another_format_or_version_is_refused_though_its_crc_is_right(field, value, program):
    table = small_table(TABLE_KERNELS[0])
    header = TABLE_HEADER.pack(**TABLE_HEADER.unpack(table) | {field: value})[:-4]
    payload = table[TABLE_HEADER.size :]
    other = header + zlib.crc32(header + payload).to_bytes(4, "little") + payload
    assert are_whole(program, [table, other]) == [1, 0]


def test_a_length_beyond_the_table_is_noticed_without_reading_there(program):
    table = bytearray(small_table(TABLE_KERNELS[0]))
    table[TABLE_HEADER.offsets["payload_bytes"] // 8 + 2] ^= 1
    assert are_whole(program, [bytes(table)]) == [0]


def test_the_crc_of_the_firmware_is_zlibs(program):
    """Over payloads of every length modulo four words, whatever lies in them."""
    rng = np.random.default_rng(3)
    tables = []
    for words in range(2, 40):
        payload = rng.bytes(4 * words)
        header = TABLE_HEADER.pack(magic=int.from_bytes(b"TRWT", "little"), version=1, payload_bytes=4 * words)[:-4]
        tables.append(header + zlib.crc32(header + payload).to_bytes(4, "little") + payload)
    assert are_whole(program, tables) == [1] * len(tables)
