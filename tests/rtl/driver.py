"""The accelerator on its buses in cocotb: AXI4-Lite registers and both streams, with pauses on any of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from edge_tr.formats import accelerator as f

R, C, S, E = f.REGISTER, f.CONTROL, f.STATUS, f.ERROR


def pauses(share: float, seed: int) -> Iterator[bool]:
    """Pause in `share` of all cycles, at random."""
    generator = random.Random(seed)
    while True:
        yield generator.random() < share


class Board:
    """What a processor and a DMA do."""

    def __init__(self, dut: object) -> None:
        self.dut = dut
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        low = {"clock": dut.clk, "reset": dut.resetn, "reset_active_level": False}
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), *low.values())
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), *low.values(), byte_lanes=8)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), *low.values())

    async def reset(self) -> None:
        """Power on."""
        self.dut.resetn.value = 0
        self.dut.m_axis_resetn.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.resetn.value = 1
        await ClockCycles(self.dut.clk, 2)

    def pause(self, share: float, seed: int) -> None:
        """Let every handshake of every channel pause at random."""
        writes, reads = self.registers.write_if, self.registers.read_if
        channels = (writes.aw_channel, writes.w_channel, writes.b_channel, reads.ar_channel, reads.r_channel)
        for i, channel in enumerate((*channels, self.source, self.sink)):
            channel.set_pause_generator(pauses(share, seed + i) if share else None)
            if not share:
                channel.pause = False

    async def read(self, register: int) -> int:
        """One register."""
        return int.from_bytes((await self.registers.read(register, 4)).data, "little")

    async def write(self, register: int, value: int) -> None:
        """One register."""
        await self.registers.write(register, value.to_bytes(4, "little"))

    async def drop(self) -> None:
        """Forget all stream data on its way, as a reset of the DMA does."""
        self.source.clear()
        for end in (self.source, self.sink):
            end.assert_reset(True)
        self.dut.m_axis_resetn.value = 0
        await ClockCycles(self.dut.clk, 2)
        self.dut.m_axis_resetn.value = 1
        for end in (self.source, self.sink):
            end.assert_reset(False)
        self.sink.clear()

    async def start(self, control: int, beats: Sequence[int] | np.ndarray = ()) -> None:
        """Begin something, with the packet that is sent to it."""
        await self.write(R.INTERRUPT, 1)
        await self.write(R.CONTROL, control)
        await self.read(R.STATUS)  # DONE of what ran before is cleared by now
        await self.read(R.STATUS)
        if len(beats):
            await self.source_send(beats)

    async def source_send(self, beats: Sequence[int] | np.ndarray) -> None:
        """A packet of 64-bit beats."""
        await self.source.send(AxiStreamFrame(b"".join(int(beat).to_bytes(8, "little") for beat in beats)))

    async def done(self, cycles: int = 30000) -> int:
        """Wait for the interrupt; register ERROR."""
        for _ in range(cycles):
            if int(self.dut.irq.value):
                break
            await RisingEdge(self.dut.clk)
        else:
            raise AssertionError(f"no interrupt in {cycles} cycles; status {await self.read(R.STATUS)}")
        assert await self.read(R.STATUS) & (S.BUSY | S.DONE) == S.DONE
        return await self.read(R.ERROR)

    async def frame(self) -> bytes:
        """The next packet of the output stream."""
        return bytes((await self.sink.recv(compact=True)).tdata)
