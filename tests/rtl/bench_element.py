"""tr_element: what nine lanes add, over all int8 values and all codes."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from edge_tr.formats import accelerator as f

LATENCY = 4
CODES = {
    f.PAIR_CODE.NONE: (0, 0), f.PAIR_CODE.PLUS: (1, 0), f.PAIR_CODE.MINUS: (-1, 0), f.PAIR_CODE.PLUS_PLUS: (1, 1),
    f.PAIR_CODE.PLUS_MINUS: (1, -1), f.PAIR_CODE.MINUS_PLUS: (-1, 1), f.PAIR_CODE.MINUS_MINUS: (-1, -1),
    f.PAIR_CODE.SECOND: (0, 1),
}  # fmt: skip
PAIRS = ((0, 1), (3, 4), (6, 7), (2, 5))  # lanes of each pair


def taken(sign: int, value: int) -> int:
    """Minus is the ones' complement."""
    return (0, value, ~value)[sign]


@cocotb.test()
async def all_values_and_codes(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    generator = np.random.default_rng(2)
    dut.write.value = 0
    values = np.concatenate([np.arange(-128, 128), [-128, 127] * 16])
    for chunk in values.reshape(-1, 32):
        held = np.stack([np.roll(chunk, 7 * bank + int(generator.integers(32))) for bank in range(3)])
        for entry in range(32):
            await FallingEdge(dut.clk)
            dut.write.value = 7
            dut.write_entry.value = entry * 0b00001_00001_00001  # of each bank
            dut.write_data.value = sum((int(held[bank, entry]) & 255) << (8 * bank) for bank in range(3))
        expected: list[int] = []
        pairs, minuses = 0, [0, 0]  # of the cycles before
        for cycle in range(32 * 8 + LATENCY):
            await FallingEdge(dut.clk)
            dut.write.value = 0
            entries = (cycle // 8 + generator.integers(0, 32, 9) * (np.arange(9) % 3 > 0)) % 32  # one lane takes each
            codes = [(cycle + i) % 8 for i in range(4)]
            single = cycle % 3
            dut.entry.value = sum(int(e) << (5 * i) for i, e in enumerate(entries))
            dut.none.value, dut.pairs.value, dut.minus.value = single == 0, pairs, minuses[0]
            pairs, minuses = sum(code << (3 * i) for i, code in enumerate(codes)), [*minuses[1:], int(single == 2)]
            lane = [int(held[i // 3, e]) for i, e in enumerate(entries)]
            total = taken((0, 1, -1)[single], lane[8])
            for (a, b), code in zip(PAIRS, codes):
                total += taken(CODES[code][0], lane[a]) + taken(CODES[code][1], lane[b])
            expected.append(total)
            await ReadOnly()
            if cycle >= LATENCY:
                assert dut.sum.value.to_signed() == expected[cycle - LATENCY], (cycle, codes, single)
