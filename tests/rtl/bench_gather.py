"""tr_gather: lists of operations are played as the format says, waiting wherever there is no room for a step."""

from __future__ import annotations

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from edge_tr.formats import accelerator as f

MEMORY = f.ACTIVATION_WORDS.value
FIELDS = ("address", "first", "phase", "banks", "entry", "mask", "last")


def operations(generator: random.Random, n: int) -> list[dict[str, int]]:
    """A list with an end."""
    sizes = {"first": f.COLUMNS.value, "address": MEMORY, "stride": MEMORY, "phase": 4, "banks": 8, "entry": 32,
             "mask": f.MASKS.value, "last": 2}  # fmt: skip
    ops = [{name: generator.randrange(size) for name, size in sizes.items()} for _ in range(n)]
    for op in ops:
        op |= {"count": generator.randrange(1, 7), "end": 0}
    ops[-1] |= {"last": 1, "end": 1}
    return ops


def played(ops: list[dict[str, int]], channels: int, stride: int) -> list[dict[str, int]]:
    """Window after window; `channels` 0: once, each operation `count` times."""
    windows = []
    for channel in range(channels):
        windows += [op | {"address": (op["address"] + channel * stride) % MEMORY} for op in ops]
    if not channels:
        for op in ops:
            for i in range(op["count"]):
                at = {"address": (op["address"] + i * op["stride"]) % MEMORY, "entry": (op["entry"] + i) % 32}
                windows.append(op | at | {"last": op["last"] and i + 1 == op["count"]})
    return windows


@cocotb.test()
async def lists(dut):
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    generator = random.Random(3)
    dut.reset.value = 1
    dut.start.value = 0
    dut.may_step.value = 0
    await FallingEdge(dut.clk)
    dut.reset.value = 0
    for case in range(40):
        channels = 0 if case % 2 else generator.randrange(1, 5)
        stride, start = generator.randrange(MEMORY), generator.randrange(f.GATHER_OPS.value)
        ops = operations(generator, generator.randrange(1, 9))
        memory = [int.from_bytes(f.GATHER.pack(**op), "little") for op in ops]
        dut.start.value, dut.by_channel.value, dut.first_op.value = 1, channels > 0, start
        dut.channels.value, dut.channel_stride.value = channels, stride
        expected, seen, reading = played(ops, channels, stride), [], None
        open_step = False
        for _ in range(400):
            may = generator.random() < 0.6
            dut.may_step.value = may
            await ReadOnly()
            if dut.memory_read.value:
                reading = (int(dut.memory_address.value) - start) % f.GATHER_OPS.value
            if dut.valid.value:
                assert may or open_step, "a step began without room"
                seen.append({name: int(getattr(dut, name).value) for name in FIELDS})
                open_step = not seen[-1]["last"]
            await FallingEdge(dut.clk)
            dut.start.value = 0
            if reading is not None:
                dut.memory_data.value = memory[reading] if reading < len(memory) else 0
            if len(seen) == len(expected):
                break
        assert [{name: int(w[name]) for name in FIELDS} for w in expected] == seen, case
        await ReadOnly()
        assert not dut.busy.value and not dut.valid.value
        await FallingEdge(dut.clk)
