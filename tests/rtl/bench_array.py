"""tr_array: the words of a weight add up to weight x value, for all int8 weights, and doubling is what terms mean."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly

from edge_tr.accel.words import group_words, rows_of
from edge_tr.formats import accelerator as f

COLUMNS, ROWS = f.COLUMNS.value, f.ROWS.value
LATENCY = 7
SUM = f.SUM_BITS.value


async def write(dut: object, bank: int, entry: int, values: np.ndarray) -> None:
    """A value for each column."""
    await FallingEdge(dut.clk)
    dut.write_column.value = (1 << COLUMNS) - 1
    dut.write_bank.value = 1 << bank
    dut.write_entry.value = entry
    dut.write_data.value = sum((int(v) & 255) << (8 * (bank * COLUMNS + i)) for i, v in enumerate(values))
    await FallingEdge(dut.clk)
    dut.write_column.value = 0


async def play(dut: object, words: list[int]) -> np.ndarray:
    """int64 [rows, columns], totals of a group's words."""
    for i, word in enumerate(words):
        await FallingEdge(dut.clk)
        dut.valid.value, dut.clear.value = 1, i == 0
        dut.word.value = word & ((1 << (f.ROW_TERMS.bits * ROWS)) - 1)
    await FallingEdge(dut.clk)
    dut.valid.value = 0
    await ClockCycles(dut.clk, LATENCY)
    await ReadOnly()
    whole = dut.total.value.to_unsigned()
    raw = np.array([whole >> (SUM * i) & ((1 << SUM) - 1) for i in range(ROWS * COLUMNS)], np.int64)
    return ((raw ^ (1 << (SUM - 1))) - (1 << (SUM - 1))).reshape(ROWS, COLUMNS)


@cocotb.test()
async def all_weights(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    dut.valid.value = dut.parity.value = 0
    x = np.array([-128, 127, 0, 1, -1, -127, -77, 126, *np.random.default_rng(0).integers(-128, 128, 8)])
    for bank in range(3):
        await write(dut, bank, 3 + bank, np.roll(x, bank))
    for first in range(-128, 128, ROWS):
        weights = np.arange(first, first + ROWS).astype(np.int8)[:, None]
        bank = first // ROWS % 3
        rows = rows_of(weights, [[(bank, 3 + bank)]] * ROWS)
        total = await play(dut, group_words(rows, {"rows": ROWS}))
        correction = np.array([row.correction for row in rows])
        assert np.array_equal(total + correction[:, None], weights.astype(np.int64) * np.roll(x, bank)), first


@cocotb.test()
async def many_taps(dut):
    """A group of channels of as many taps as the memory holds, at the ends of the range too."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    generator = np.random.default_rng(4)
    dut.valid.value = dut.parity.value = 0
    places = [(bank, entry) for bank in range(3) for entry in range(32)]
    for extreme in (False, True):
        x = np.full((len(places), COLUMNS), -128) if extreme else generator.integers(-128, 128, (len(places), COLUMNS))
        weights = generator.integers(-128, 128, (ROWS, len(places))).astype(np.int8)
        if extreme:
            weights[:] = np.array([-128, 127])[:ROWS, None]
        for (bank, entry), values in zip(places, x):
            await write(dut, bank, entry, values)
        rows = rows_of(weights, [places] * ROWS)
        total = await play(dut, group_words(rows, {"rows": ROWS}))
        correction = np.array([row.correction for row in rows])
        assert np.array_equal(total + correction[:, None], weights.astype(np.int64) @ x)
