"""Term words and lane constants, against plain integer arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.accel.gather import COLUMNS, IDLE, PADDING, cover
from edge_tr.accel.scale import average, scale_of
from edge_tr.accel.words import row_bits, rows_of
from edge_tr.formats import accelerator as f
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

PAIRS = {0: (0, 0), 1: (1, 0), 2: (-1, 0), 3: (1, 1), 4: (1, -1), 5: (-1, 1), 6: (-1, -1), 7: (0, 1)}


def play(words: list[int], banks: np.ndarray) -> int:
    """What an element accumulates: PairCodes in ones' complement, doubling by the shift bit."""
    total = 0
    for word in words:
        fields = f.ROW_TERMS.unpack(word.to_bytes(8, "little"))
        signs = {8: {0: 0, 1: 1, 2: -1}[fields["single"]]}
        for code, (a, b) in zip((fields[f"pair{i}"] for i in range(4)), ((0, 1), (3, 4), (6, 7), (2, 5))):
            signs[a], signs[b] = PAIRS[code]
        total <<= fields["shift"]
        for lane, sign in signs.items():
            value = int(banks[lane // 3, fields[f"entry{lane}"]])
            total += value if sign > 0 else ~value if sign < 0 else 0
    return total


@pytest.mark.parametrize("seed", range(40))
def test_words_of_a_row_are_its_dot_product(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 97))
    places = [(i % 3, i // 3) for i in rng.permutation(96)[:count].tolist()]
    low, high = [(-128, 128), (-128, 0), (-2, 2), (126, 128)][seed % 4]
    weights = rng.integers(low, high, count).astype(np.int8)
    banks = rng.choice([-255, -1, 0, 255, 17], (3, 32))
    (row,) = rows_of(weights[None], [places])
    got = play([row_bits(*word) for word in row.words], banks) + row.correction
    assert got == sum(int(w) * int(banks[place]) for w, place in zip(weights, places))


@pytest.mark.parametrize(
    ("shift", "rounding"),
    [*((shift, Rounding.DOUBLE) for shift in range(-24, 5)), *((shift, Rounding.SINGLE) for shift in range(-15, 5))],
)
def test_lanes_requantise_as_tflite(shift: int, rounding: Rounding) -> None:
    rng = np.random.default_rng(shift + 50)
    reach = min((1 << 23) - 1, 1 << max(8, 9 - shift))
    for multiplier in (1 << 30, (1 << 31) - 1, int(rng.integers(1 << 30, 1 << 31))):
        sums = np.unique(np.concatenate([rng.integers(-reach, reach + 1, 4000), np.arange(-300, 300), [-reach, reach]]))
        sums = sums[np.abs(sums) <= reach]
        scale = scale_of(multiplier, shift, reach, rounding)
        exact = multiply_by_quantized_multiplier(sums.astype(np.int32), multiplier, shift, rounding)
        for zero_point in (-128, 3, 127):
            expected = np.clip(exact + zero_point, -128, 127)
            assert np.array_equal(scale.apply(sums, zero_point, -128, 127), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 16, 25, 49, 64, 125, 144, 1024])
def test_average_rounds_halves_away_from_zero(count: int) -> None:
    sums = np.arange(-128 * count, 127 * count + 1)
    magnitude = (np.abs(sums) + count // 2) // count
    assert np.array_equal(average(count).apply(sums, 0, -128, 127), np.where(sums > 0, magnitude, -magnitude))


@pytest.mark.parametrize("seed", range(30))
def test_cover_gives_every_column_what_it_needs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stride, start = int(rng.integers(1, 4)), int(rng.integers(200, 2000))
    columns = start + stride * np.arange(COLUMNS) + 40 * (np.arange(COLUMNS) // int(rng.integers(3, 40)))
    needs = {b: np.where(rng.random(COLUMNS) < 0.1, PADDING, columns + b * stride) for b in range(3)}
    idle = rng.random(COLUMNS) < 0.1
    needs = {b: np.where(idle, IDLE, need) for b, need in needs.items()}
    memory = rng.integers(1, 1 << 30, f.ACTIVATION_WORDS.value * COLUMNS)
    held = np.full((3, COLUMNS), -7)
    for cut in cover(needs):
        near = memory[cut.address * COLUMNS :][: 2 * COLUMNS + 1]
        both = near[:-1]
        around = both[:COLUMNS] if cut.phase == 1 else both[cut.phase & 1 :: 2]
        source = near if cut.phase == 0 else np.concatenate([around, around, around[:1]])
        window = source[cut.first : cut.first + COLUMNS + 2]
        for b in cut.banks:
            for j in (j for j in range(COLUMNS) if cut.write >> j & 1):
                held[b, j] = window[j + b] if cut.keep[b] >> j & 1 else 0
    for b, need in needs.items():
        expected = np.where(need == IDLE, -7, np.where(need == PADDING, 0, memory[np.maximum(need, 0)]))
        assert np.array_equal(held[b], expected)
