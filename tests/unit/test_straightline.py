"""Straight-line programs compute the weights' dot products, at the extremes too."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.kernels.instructions import Add, Double, Flush, Load, Product, Shift
from edge_tr.kernels.machines import MACHINES, SWEEPING
from edge_tr.kernels.straightline import interpret, plan
from edge_tr.tr.reveal import reveal

LIMITS = {8: (-128, 127), 9: (-255, 255)}


def random_weights(rng: np.random.Generator, bits: int = 8) -> np.ndarray:
    """int8, or int16 of nine bits."""
    rows, depth = int(rng.integers(1, 24)), int(rng.integers(1, 90))
    kept = rng.random((rows, depth)) < rng.choice([0.05, 0.5, 1.0])
    least, most = LIMITS[bits]
    extremes = rng.choice([least, -most, most, 1, 0], (rows, depth))
    weights = extremes if rng.random() < 0.3 else rng.integers(least, most + 1, (rows, depth))
    return (weights * kept).astype(np.int8 if bits == 8 else np.int16)


def words(pairs: np.ndarray) -> np.ndarray:
    """[depth] of x0 + (x1 << 16) from [2, depth]."""
    return pairs[0].astype(np.int64) + (pairs[1].astype(np.int64) << 16)


@pytest.mark.parametrize("bits", [8, 9])
@pytest.mark.parametrize("isa", MACHINES)
@pytest.mark.parametrize("largest", [128, 256])
def test_programs_equal_the_matrix_product(isa, largest, bits):
    rng = np.random.default_rng([largest, list(MACHINES).index(isa)])
    for _ in range(25):
        weights = random_weights(rng, bits)
        budget = None if rng.random() < 0.5 else int(rng.integers(1, 20))
        revealed = reveal(weights, 8, budget, limits=LIMITS[bits])
        program = plan(revealed.term_arrays(), *weights.shape, largest, MACHINES[isa])
        pairs = rng.integers(-largest, largest + 1, (2, weights.shape[1]))
        assert np.array_equal(interpret(program, words(pairs)), revealed.values.astype(np.int64) @ pairs.T)


@pytest.mark.parametrize("isa", MACHINES)
@pytest.mark.parametrize("largest", [128, 256])
def test_no_lane_overflows_when_every_product_has_one_sign(isa, largest):
    """For each row the x that makes its sum largest, and in the other lane smallest."""
    rng = np.random.default_rng(7)
    ends = [np.full((6, 70), value, np.int8) for value in (-128, 127)]
    ends += [np.full((6, 70), value, np.int16) for value in (-255, 255)]
    for weights in (random_weights(rng), random_weights(rng, 9), *ends):
        program = plan(reveal(weights, 8, None).term_arrays(), *weights.shape, largest, MACHINES[isa])
        for row in weights.astype(np.int64):
            pairs = np.stack([np.sign(row) * largest, -np.sign(row) * largest])
            assert np.array_equal(interpret(program, words(pairs)), weights.astype(np.int64) @ pairs.T)


@pytest.mark.parametrize("bits", [8, 9])
@pytest.mark.parametrize("largest", [128, 256])
@pytest.mark.parametrize("isa", [isa for isa, machine in SWEEPING.items() if machine.product])
def test_programs_of_one_row_by_products(isa, largest, bits):
    """At the ends of every lane, whichever way it is written."""
    rng, multiplied = np.random.default_rng([largest, bits]), 0
    least, most = LIMITS[bits]
    for _ in range(40):
        weights = random_weights(rng, bits)[:1]
        if rng.random() < 0.3:
            weights = rng.choice([least, most], weights.shape).astype(weights.dtype)
        program = plan(reveal(weights, 8, None).term_arrays(), *weights.shape, largest, SWEEPING[isa])
        multiplied += sum(isinstance(op, Product) for tile in program.tiles for op in tile.code)
        sign = np.sign(weights[0].astype(np.int64))
        for pairs in (rng.integers(-largest, largest + 1, (2, weights.shape[1])), np.stack([sign, -sign]) * largest):
            assert np.array_equal(interpret(program, words(pairs)), weights.astype(np.int64) @ pairs.T)
        assert [tile.counts.products for tile in program.tiles] == [
            sum(isinstance(op, Product) for op in tile.code) for tile in program.tiles
        ]
    assert multiplied or SWEEPING[isa].free_shift  # no int8 has so many terms that a factor is faster there


def test_a_layer_of_zeros_is_only_flushes():
    program = plan(reveal(np.zeros((3, 9), np.int8), 8, None).term_arrays(), 3, 9, 128, MACHINES["armv6-m"])
    code = [op for tile in program.tiles for op in tile.code]
    assert code == [Flush(None, row, 0, True) for row in range(3)]


@pytest.mark.parametrize("isa", MACHINES)
def test_an_instruction_uses_only_what_the_machine_has(isa):
    machine = MACHINES[isa]
    weights = np.random.default_rng(3).integers(-128, 128, (23, 40)).astype(np.int8)
    program = plan(reveal(weights, 8, None).term_arrays(), 23, 40, 128, machine)
    code = [op for tile in program.tiles for op in tile.code]
    used = {
        op.accumulator for op in code if isinstance(op, (Add, Double)) or (isinstance(op, Flush) and op.accumulator)
    }
    assert max(used) < machine.accumulators
    assert all(0 <= op.index < 40 for op in code if isinstance(op, Load))
    assert machine.free_shift == (not any(isinstance(op, (Shift, Double)) for op in code))
