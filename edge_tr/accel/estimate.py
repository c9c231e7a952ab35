"""About how many cycles a layer takes for 64 pixels of its result, without scheduling it: to compare ways to tile."""

from __future__ import annotations

from edge_tr.accel.addition import BY_TABLES
from edge_tr.accel.layout import COLUMNS
from edge_tr.accel.moves import PixelParams
from edge_tr.formats import accelerator as f
from edge_tr.operators import ConvParams, DepthwiseParams, PoolParams, Record
from edge_tr.tr.hese import term_count

FILLED = 0.6
"""Of a word's lanes, on average."""
CUTS = 1.25
"""Windows that a tap of 64 pixels takes: more than one at the ends of rows."""
ADD_CYCLES = 4
"""Of a word."""


def cycles_per_tile(record: Record) -> float:
    """Of the slowest of gathering, adding and writing results; of an addition, or a maximum, all of it."""
    if isinstance(record, BY_TABLES):
        return ADD_CYCLES
    if isinstance(record, PixelParams):
        return COLUMNS * record.runs / record.sources.size
    taps = record.kernel[0] * -(-record.kernel[1] // f.BANKS.value) * record.stride[1]
    if isinstance(record, PoolParams):
        return CUTS * record.kernel[0] * record.kernel[1] * record.stride[1]
    channels = len(record.weights)
    leaving = channels * COLUMNS / f.OUTPUTS.value
    if isinstance(record, DepthwiseParams):
        return max(CUTS * taps * channels, leaving)
    assert isinstance(record, ConvParams)
    words = float(term_count(record.weights).sum()) / (f.ROWS.value * f.LANES.value * FILLED)
    return max(words, CUTS * taps * record.input_shape[2], leaving)


def cycles_of(record: Record, rows: int, width: int, channels: int) -> int:
    """Of so many rows of the result."""
    tiles, each = -(-rows * width // COLUMNS), cycles_per_tile(record)
    return round(tiles * each * (channels if isinstance(record, (*BY_TABLES, PixelParams, PoolParams)) else 1))
