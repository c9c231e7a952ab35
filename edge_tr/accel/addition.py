"""ADD, and data truncated to s terms, by two tables of all values."""

from __future__ import annotations

import numpy as np

from edge_tr.accel.cycles import DRAIN, TABLE_WORDS
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS, Placed
from edge_tr.accel.stage import Planned
from edge_tr.formats import accelerator as f
from edge_tr.operators import AddParams
from edge_tr.operators.add_tables import solved
from edge_tr.operators.arithmetic import INT8_VALUES

PAIRS = COLUMNS // 8  # of table values in a dense word
TABLE_COMMAND, TABLE_READS = 7, TABLE_WORDS - 1


def table_words(first: np.ndarray, second: np.ndarray) -> list[int]:
    """int64 [256] each, by the byte of x: dense words."""
    pairs = (first.astype(np.int64) & 0x7FFFFFFF) | (second.astype(np.int64) & 0x7FFFFFFF) << 32
    data = pairs.astype("<u8").reshape(-1, PAIRS)
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def load_tables(image: Image, tables: tuple[np.ndarray, np.ndarray]) -> Planned:
    """Fetch an addition's tables. What follows runs meanwhile; an addition waits."""
    return Planned(image.command(opcode=f.OPCODE.TABLE, weights=image.dense(table_words(*tables))), TABLE_COMMAND)


def add_layer(image: Image, limits: tuple[int, int], a: Placed, b: Placed, y: Placed) -> Planned:
    """ADD of two tensors that lie alike, value for value, by the tables that were loaded last."""
    command = image.command(
        opcode=f.OPCODE.ADD, tiles=y.words, src=a.base, src2=b.base, dst=y.base, low=limits[0], high=limits[1]
    )
    return Planned(command, 4 * y.words + DRAIN - 2)


def add_tables(p: AddParams) -> tuple[np.ndarray, np.ndarray] | None:
    """Both tables, int64 [256] by the byte of x, in units of 2^-20 of the result's step, the half and the result's zero
    point in the first; None if no tables of so many bits give the reference's result for every pair of inputs."""
    found = solved(p, f.TABLE_FRACTION.value)
    limit = 1 << (f.TABLE_BITS.value - 1)
    if found is None or not all(-limit <= low and high < limit for low, high in _reaches(*found)):
        return None
    tables = np.zeros((2, f.TABLE_VALUES.value), np.int64)
    tables[:, INT8_VALUES & 255] = found
    return tables[0], tables[1]


def _reaches(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """The least and the largest value of each table, and of their sums."""
    each = [(int(values.min()), int(values.max())) for values in (first, second)]
    return [*each, tuple(map(sum, zip(*each)))]
