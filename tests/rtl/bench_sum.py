"""tr_sum: adds up whole images, at the ends of the range too."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from edge_tr.formats import accelerator as f

VALUE_BITS = f.VALUE_BITS.value
VALUE_MASK = (1 << VALUE_BITS) - 1


@cocotb.test()
async def channels(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    columns = len(dut.values) // VALUE_BITS
    generator = np.random.default_rng(1)
    images = [np.full((3, columns), 127), np.full((2, columns), -128), generator.integers(-128, 128, (5, columns)),
              np.full((1, columns), 127), generator.integers(-128, 128, (1, columns))]  # fmt: skip
    windows = [(window, i + 1 == len(image)) for image in images for i, window in enumerate(image)]
    dut.valid.value, dut.launch.value = 0, 1
    await FallingEdge(dut.clk)
    dut.launch.value = 0
    seen = []
    for cycle in range(2 * len(windows) + 6):
        window, last = windows[min(cycle // 2, len(windows) - 1)]
        dut.valid.value = cycle % 2 == 0 and cycle // 2 < len(windows)
        dut.values.value = sum((int(v) & VALUE_MASK) << (VALUE_BITS * i) for i, v in enumerate(window))
        dut.last.value = last
        await FallingEdge(dut.clk)
        if dut.done.value == 1:
            seen.append((dut.sum.value.to_signed(), int(dut.channel.value)))
    assert seen == [(int(image.sum()), i) for i, image in enumerate(images)]
