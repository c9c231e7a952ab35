"""The cells of rtl/compare: sums of products, at the extremes and at random, against integers."""

from __future__ import annotations

from collections.abc import Iterator

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from edge_tr.tr.hese import Term, encode

DEPTH, SUM_BITS = 64, 24


def dot_products() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Data less a zero point, nine bits, and weights; the first ones are the extremes."""
    for x, w in ((255, 127), (255, -128), (-255, 127), (-255, -128), (0, -128), (-1, 1)):
        yield np.full(DEPTH, x), np.full(DEPTH, w)
    generator = np.random.default_rng(5)
    for _ in range(20):
        yield generator.integers(-255, 256, DEPTH), generator.integers(-128, 128, DEPTH)


def pairs(x: np.ndarray, w: np.ndarray) -> list[tuple[Term, Term]]:
    """Of terms, in the order in which they are computed."""
    return [(a, b) for data, weight in zip(x, w) for a in encode(int(data)) for b in encode(int(weight))]


async def started(dut) -> None:
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    await FallingEdge(dut.clk)


def give(dut, x: Term, w: Term) -> None:
    """One pair of terms."""
    dut.x_exponent.value, dut.x_minus.value = x.exponent, int(x.sign < 0)
    dut.w_exponent.value, dut.w_minus.value = w.exponent, int(w.sign < 0)
    dut.valid.value = 1


@cocotb.test()
async def int8_mac(dut):
    await started(dut)
    for x, w in dot_products():
        x = x >> 1  # int8
        for i, (data, weight) in enumerate(zip(x, w)):
            dut.enable.value, dut.clear.value, dut.x.value, dut.w.value = 1, int(i == 0), int(data), int(weight)
            await FallingEdge(dut.clk)
        dut.enable.value = 0
        for _ in range(2):
            await FallingEdge(dut.clk)
        assert dut.sum.value.to_signed() == int(x @ w)


@cocotb.test()
async def tmac(dut):
    await started(dut)
    dut.reset.value, dut.convert.value, dut.valid.value = 1, 0, 0
    await FallingEdge(dut.clk)
    dut.reset.value = 0
    for x, w in dot_products():
        for data, weight in pairs(x, w):
            give(dut, data, weight)
            await FallingEdge(dut.clk)
        dut.valid.value = 0
        await FallingEdge(dut.clk)
        dut.convert.value, digits = 1, 0
        for i in range(SUM_BITS):
            await FallingEdge(dut.clk)
            digits |= int(dut.digit.value) << i
        dut.convert.value = 0
        await FallingEdge(dut.clk)
        assert digits == int(x @ w) % (1 << SUM_BITS)


@cocotb.test()
async def pair_mac(dut):
    await started(dut)
    for x, w in dot_products():
        first = Term(1, 0), Term(1, 0)
        for i, (data, weight) in enumerate([first, *pairs(x, w)]):  # there is a first pair even of zeros
            give(dut, data, weight)
            dut.clear.value = int(i == 0)
            await FallingEdge(dut.clk)
        dut.valid.value = 0
        await FallingEdge(dut.clk)
        assert dut.sum.value.to_signed() == int(x @ w) + 1
