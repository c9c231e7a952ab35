"""Two pixels a word: every sum, at the ends of int8 and of truncated activations, in runs of every length."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LANE_RUN, LANE_UNITS
from edge_tr.kernels.lanes import encode_lanes, fits, interpret_lanes, lanes_table
from edge_tr.prepared.budget import TrSetting

RAW, CUT = 128, 256
UNIT_BYTES = 4


def weights_of(rows: int, depth: int, most: int) -> np.ndarray:
    """Ordinary rows and, where there is room, one of zeros and two of the largest weights of which two fit a lane."""
    rng = np.random.default_rng([rows, depth, most])
    weights = np.clip(rng.normal(0, most / 4, (rows, depth)), -(most // 2), most // 2).astype(np.int8)
    for row, value in enumerate((0, -(most // 2), most // 2)[: rows - 1]):
        weights[row] = value
    return weights


@pytest.mark.parametrize("largest", [RAW, CUT])
@pytest.mark.parametrize(("rows", "depth"), [(1, 1), (2, 2), (7, 64), (4, 17), (5, 300)])
def test_every_sum_in_sixteen_bit_lanes(rows, depth, largest):
    weights = weights_of(rows, depth, 32767 // largest)
    lanes = encode_lanes(weights, largest)
    rng = np.random.default_rng(0)
    ends = [np.full(depth, -largest), np.full(depth, largest - 1), np.where(weights[-1] < 0, -largest, largest - 1)]
    xs = [*rng.integers(-largest, largest, (3, depth)), *ends]
    for first, second in zip(xs, xs[::-1]):
        expected = np.stack([weights.astype(np.int64) @ first, weights.astype(np.int64) @ second], axis=1)
        np.testing.assert_array_equal(interpret_lanes(lanes, first, second), expected)


@pytest.mark.parametrize(
    ("weights", "largest", "fit"),
    [([[-128, -127]], RAW, True), ([[-128, -128]], RAW, False), ([[1, -128, -128]], RAW, True), ([[127]], CUT, True),
     ([[127, 1]], CUT, False), ([[0, 0], [-128, 0]], CUT, False), ([[63, -64], [64, 63]], CUT, True)],
)  # fmt: skip
def test_two_elements_must_fit_a_lane(weights, largest, fit):
    assert fits(np.array(weights, np.int8), largest) == fit


def test_a_run_ends_where_either_row_is_full_and_after_as_many_units_as_code_has_room_for():
    light = np.ones((2, 40), np.int8)
    assert skips(encode_lanes(light, RAW)) == [(0, 0), (0, 0), (4, 1)]
    heavy = light.copy()
    heavy[1, 4:6] = 127  # 4 + 254 is more than the 255 that a lane takes
    assert skips(encode_lanes(heavy, RAW)) == [(6, 0), (7, 0), (0, 0), (0, 0), (7, 1)]


def skips(lanes) -> list[tuple[int, int]]:
    """(units that are skipped, whether it is the last) of the runs of the first two rows."""
    data, found = lanes.words.tobytes(), []
    while not found or not found[-1][1]:
        header = LANE_RUN.unpack(data)
        found.append((header["skip"], header["last"]))
        data = data[LANE_RUN.size + UNIT_BYTES * (LANE_UNITS.value - header["skip"]) :]
    return found


def test_the_table_says_where_two_rows_begin():
    weights = weights_of(5, 9, 255)
    lanes = encode_lanes(weights, RAW)
    table = term_table.decode(term_table.encode(lanes_table(lanes, TrSetting(), 9)))
    assert (table.rows, table.depth) == (5, 9)
    assert table.starts[0] == table.starts[1] < table.starts[2] == table.starts[3] < table.starts[4] < table.starts[5]
    assert bytes(table.words) == lanes.words.tobytes()
