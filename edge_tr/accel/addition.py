"""ADD, functions of one value, and data truncated to s terms: by two tables of all values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_tr.accel.cycles import DRAIN, TABLE_WORDS
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS, Placed
from edge_tr.accel.stage import Planned
from edge_tr.formats import accelerator as f
from edge_tr.operators import AddParams
from edge_tr.operators.add_tables import solved
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8
from edge_tr.operators.concatenation import ConcatenationParams
from edge_tr.operators.lookup import LookupParams

PAIRS = COLUMNS // 8  # of table values in a dense word
TABLE_COMMAND, TABLE_READS = 7, TABLE_WORDS - 1
BY_TABLES = (AddParams, LookupParams, ConcatenationParams)
"""Records of what the ADD engine computes value for value: the result lies as its inputs do, or they lie in it."""
Tables = tuple[np.ndarray, np.ndarray]
"""Of the ADD engine: int64 [256] each, by the byte of x."""


def table_words(first: np.ndarray, second: np.ndarray) -> list[int]:
    """int64 [256] each, by the byte of x: dense words."""
    pairs = (first.astype(np.int64) & 0x7FFFFFFF) | (second.astype(np.int64) & 0x7FFFFFFF) << 32
    data = pairs.astype("<u8").reshape(-1, PAIRS)
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def load_tables(image: Image, tables: Tables) -> Planned:
    """Fetch tables. What follows runs meanwhile; an addition waits."""
    words = table_words(*tables)
    start = image.dense(words)
    command = image.command(opcode=f.OPCODE.TABLE, weights=start, extent=(start, start + 2 * len(words)))
    return Planned(command, TABLE_COMMAND)


def add_layer(image: Image, limits: tuple[int, int], a: Placed, b: Placed, y: Placed) -> Planned:
    """ADD of two tensors that lie alike, value for value, by the tables that were loaded last."""
    command = image.command(
        opcode=f.OPCODE.ADD, tiles=y.words, src=a.base, src2=b.base, dst=y.base, low=limits[0], high=limits[1]
    )
    return Planned(command, 4 * y.words + DRAIN - 2)


def join_layer(image: Image, inputs: Sequence[Placed], y: Placed) -> Planned:
    """Tensors whose channels lie beside each other in y, by tables that leave values as they are."""
    shares, first = {}, 0
    for x in inputs:
        end = first + x.shape[2]
        done = add_layer(image, INT8, x, x, y.channels(first, end))
        shares[done.command], first = done.cycles, end
    return Planned(done.command, sum(shares.values()), shares=shares)


def lookup_tables(values: np.ndarray) -> Tables:
    """Tables that make values[x + 128], int8 [256], of x and anything else."""
    entries = np.zeros(f.TABLE_VALUES.value, np.int64)
    entries[INT8_VALUES & 255] = values.astype(np.int64) << f.TABLE_FRACTION.value
    return entries, np.zeros_like(entries)


def add_tables(p: AddParams) -> Tables | None:
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
