"""tr_activations: every window of every phase, with padding, at both ends of the memory."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from edge_tr.formats import accelerator as f

COLUMNS, WORDS = f.COLUMNS.value, f.ACTIVATION_WORDS.value
LATENCY = 5


def packed(values: np.ndarray) -> int:
    """Eight bits each."""
    return int.from_bytes((values & 255).astype(np.uint8).tobytes(), "little")


def window(memory: np.ndarray, address: int, first: int, phase: int) -> np.ndarray:
    """int64 [columns + 2], as GatherOp.phase says."""
    word, following, after = (memory[(address + i) % WORDS] for i in range(3))
    both = np.concatenate([word, following])
    if phase == 0:
        return np.append(both, after[0])[first : first + COLUMNS + 2]
    part = word if phase == 1 else both[phase & 1 :: 2]
    return part[(first + np.arange(COLUMNS + 2)) % COLUMNS]


@cocotb.test()
async def all_windows(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    generator = np.random.default_rng(6)
    memory = generator.integers(-128, 128, (WORDS, COLUMNS))
    for address in [*range(8), *range(WORDS - 4, WORDS)]:
        await FallingEdge(dut.clk)  # each half with a write of its own, after everything was written wrong
        for enable in ((1 << COLUMNS) - 1, (1 << COLUMNS // 2) - 1, ((1 << COLUMNS // 2) - 1) << COLUMNS // 2):
            dut.write_address.value = address
            dut.write_even.value, dut.write_odd.value = (0, enable) if address % 2 else (enable, 0)
            whole = enable == (1 << COLUMNS) - 1
            dut.write_data.value = packed(~memory[address] if whole else memory[address])
            await FallingEdge(dut.clk)
        dut.write_even.value = dut.write_odd.value = 0
    reads = [(address, first, phase) for address in (0, 1, 4, WORDS - 3, WORDS - 2, WORDS - 1)
             for phase in range(4) for first in range(COLUMNS)]  # fmt: skip
    expected = [window(memory, *read) for read in reads]
    keeps = generator.integers(0, 2, (len(reads), 3, COLUMNS))
    paddings = generator.integers(-128, 128, len(reads))
    for cycle in range(len(reads) + LATENCY + 1):
        await FallingEdge(dut.clk)
        if cycle < len(reads):
            dut.read_address.value, dut.read_first.value, dut.read_phase.value = reads[cycle]
        at = cycle - LATENCY
        if 0 <= at + 1 < len(reads):  # it has a register of its own
            dut.padding.value = int(paddings[at + 1]) & 255
        if 0 <= at < len(reads):
            dut.keep.value = sum(int(v) << i for i, v in enumerate(keeps[at].ravel()))
        await ReadOnly()
        if 0 <= at < len(reads):
            assert dut.window.value.to_unsigned() == packed(expected[at]), reads[at]
        if at >= 1:
            kept = zip(keeps[at - 1], (expected[at - 1][b : b + COLUMNS] for b in range(3)))
            columns = [np.where(keep, values, paddings[at - 1]) for keep, values in kept]
            assert dut.column_data.value.to_unsigned() == packed(np.concatenate(columns)), reads[at - 1]
