"""tr_accelerator on its buses: pauses, errors, resets. Each ends in an error code, and what follows works."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from driver import Board, C, E, R, S

from edge_tr.accel.image import Image, finish, packet
from edge_tr.formats import accelerator as f

WORDS, ADDRESS = 2, 5
BEATS = WORDS * f.COLUMNS.value // 8
LAST = f.COMMANDS.value - 1
BAD, OVERRUN = 5, LAST  # commands that no program has


def echo() -> Image:
    """A program that gives back what it gets."""
    image = Image()
    image.command(opcode=f.OPCODE.INPUT, tiles=WORDS, count=1, dst=ADDRESS, dst_stride=1)
    image.command(opcode=f.OPCODE.OUTPUT, tiles=WORDS, src=ADDRESS)
    image.command(opcode=f.OPCODE.END)
    return image


def command(**fields: int) -> int:
    """One command's word."""
    return int.from_bytes(f.COMMAND.pack(**fields), "little")


class Bench:
    """The board with the program loaded, and another one that nothing is wrong with."""

    def __init__(self, dut: object) -> None:
        self.dut, self.board, self.random = dut, Board(dut), random.Random(17)
        self.beats, self.crc = echo().load()

    async def load(self) -> None:
        """The program."""
        await self.board.start(C.LOAD, self.beats)
        assert await self.board.done() == E.NONE and await self.board.read(R.PROGRAM) == self.crc

    def data(self) -> np.ndarray:
        """An input."""
        return np.array([self.random.getrandbits(64) for _ in range(BEATS)], np.uint64)

    async def works(self) -> None:
        """An inference that is right."""
        sent = self.data()
        await self.board.drop()
        await self.board.start(C.START, sent)
        assert await self.board.done() == E.NONE
        assert await self.board.frame() == sent.tobytes()


async def ready(dut: object) -> Bench:
    """After power on and a load."""
    bench = Bench(dut)
    await bench.board.reset()
    await bench.load()
    return bench


@cocotb.test()
async def registers(dut):
    """They keep what is written, or cannot be written, with every handshake paused at random."""
    bench = await ready(dut)
    board = bench.board
    for share in (0.0, 0.6):
        board.pause(share, 3)
        widths = {R.ENTRY: 16, R.STOP: 16, R.TIMEOUT: 32, R.SELECT: f.COMMAND_ADDRESS_BITS.value, R.INTERRUPT: 1,
                  R.DUMP_ADDRESS: 16, R.DUMP_COUNT: 16}  # fmt: skip
        values = {register: bench.random.getrandbits(32) for register in widths}
        for register, value in values.items():
            await board.write(register, value)
        for register, value in values.items():
            assert await board.read(register) == value & ((1 << widths[register]) - 1)
        for register in (R.STOP, R.TIMEOUT):  # of one byte, WSTRB says which
            value, byte = values[register], bench.random.getrandbits(8)
            await board.registers.write(register + 1, bytes([byte]))
            values[register] = value & ~0xFF00 | byte << 8
            assert await board.read(register) == values[register] & ((1 << widths[register]) - 1)
        fixed = {R.ID: f.ACCEL_ID.value, R.VERSION: f.ACCEL_VERSION.value, R.ERROR: E.NONE, R.PROGRAM: bench.crc,
                 R.STATUS: S.DONE, 0x40: 0, 0xFC: 0}  # fmt: skip
        for register, value in fixed.items():
            await board.write(register, value ^ 0xFFFFFFFF)
            assert await board.read(register) == value
        await board.registers.write(R.CONTROL + 1, b"\xff")  # a strobe that CONTROL's bits do not have
        assert not await board.read(R.STATUS) & S.BUSY
    for register, value in {R.ENTRY: 0, R.STOP: f.NO_STOP.value, R.TIMEOUT: 0}.items():
        await board.write(register, value)
    for share in (0.2, 0.5, 0.8):
        board.pause(share, 11)
        await bench.works()


@cocotb.test()
async def broken_loads(dut):
    """A CRC that is not the data's, packets for no memory, behind its end, or of nothing."""
    bench = await ready(dut)
    board = bench.board
    for beat in (1, len(bench.beats) - 1):  # data, and the CRC itself
        broken = bench.beats.copy()
        broken[beat] ^= np.uint64(1 << 40)
        await board.start(C.LOAD, broken)
        assert await board.done() == E.CRC and await board.read(R.PROGRAM) == 0
    await bench.load()
    await bench.works()
    for memory, address, count in ((7, 0, 1), (0, 0, 1), (f.MEMORY.GATHER, f.GATHER_OPS.value - 1, 2),
                                   (f.MEMORY.COMMANDS, LAST + 1, 1), (f.MEMORY.MASKS, 0, 0),
                                   (f.MEMORY.WEIGHTS, 0, 0xFFFFFFFF)):  # fmt: skip
        header = int.from_bytes(f.PACKET.pack(memory=memory, address=address, value=count), "little")
        await board.start(C.LOAD, [header, 1, 2, 3])
        assert await board.done() == E.PACKET and await board.read(R.PROGRAM) == 0
        await board.drop()
    await board.start(C.LOAD, bench.beats[:-1])
    assert await board.done() == E.SHORT
    await bench.load()
    await bench.works()


@cocotb.test()
async def broken_programs(dut):
    """Opcodes that there are not, and a command memory without an end."""
    bench = await ready(dut)
    board = bench.board
    for opcode in (f.OPCODE.ADD + 1, 128, 255):
        words = [command(opcode=opcode), command(opcode=f.OPCODE.END)]
        await board.start(C.LOAD, finish([packet(f.MEMORY.COMMANDS, BAD, words)])[0])
        assert await board.done() == E.NONE
        await board.write(R.ENTRY, BAD)
        await board.start(C.START)
        assert await board.done() == E.OPCODE and await board.read(R.COMMAND) == BAD
        await board.write(R.ENTRY, 0)
        await bench.works()
    await board.start(C.LOAD, finish([packet(f.MEMORY.COMMANDS, OVERRUN, [command(opcode=f.OPCODE.OUTPUT)])])[0])
    assert await board.done() == E.NONE
    await board.write(R.ENTRY, OVERRUN)
    await board.start(C.START)
    assert await board.done() == E.OVERRUN and await board.read(R.COMMAND) == OVERRUN
    await board.write(R.ENTRY, 0)
    await bench.works()


@cocotb.test()
async def stuck_streams(dut):
    """Too little comes, nothing comes, nothing is taken."""
    bench = await ready(dut)
    board = bench.board
    await board.start(C.START, bench.data()[:-1])
    assert await board.done() == E.SHORT
    await bench.works()
    await board.write(R.TIMEOUT, 40)
    await board.start(C.START)
    assert await board.done() == E.TIMEOUT and await board.read(R.COMMAND) <= 1
    await bench.works()
    board.sink.pause = True
    await board.start(C.START, bench.data())
    assert await board.done() == E.TIMEOUT and await board.read(R.COMMAND) == 1
    offered = int(dut.m_axis_tdata.value)
    await board.write(R.CONTROL, C.RESET)
    await board.read(R.STATUS)
    assert int(dut.m_axis_tvalid.value) and int(dut.m_axis_tdata.value) == offered  # until it is taken
    board.sink.pause = False
    await bench.works()  # the stream's reset took it back
    await board.write(R.TIMEOUT, 0)
    await board.start(C.START)
    await ClockCycles(dut.clk, 200)
    assert await board.read(R.STATUS) == S.BUSY | S.WAITS_INPUT
    await board.source_send(bench.data())  # what waits is not lost
    assert await board.done() == E.NONE
    await bench.works()


@cocotb.test()
async def resets(dut):
    """By register and by wire, at any moment of a load or a run."""
    bench = await ready(dut)
    board = bench.board
    for moment in range(0, 44, 3):
        await board.start(C.START, bench.data())
        await ClockCycles(dut.clk, moment)
        await board.write(R.CONTROL, C.RESET)
        await board.read(R.STATUS)
        status, error = await board.read(R.STATUS), await board.read(R.ERROR)
        assert status & (S.BUSY | S.DONE) == S.DONE and error in (E.NONE, E.RESET)
        assert moment > 20 or error == E.RESET
        await bench.works()
    for moment in (0, 2, 5, 9):
        await board.start(C.LOAD, bench.beats)
        await ClockCycles(dut.clk, moment)
        await board.drop()
        await board.reset()
        assert not await board.read(R.STATUS) & S.BUSY
        await bench.load()
        await bench.works()


@cocotb.test()
async def busy_and_dump(dut):
    """A start while something runs is ignored; a dump sends what a run left."""
    bench = await ready(dut)
    board, sent = bench.board, bench.data()
    await board.start(C.START)
    for control in (C.START, C.LOAD, C.DUMP):
        await board.write(R.CONTROL, control)
    await board.source_send(sent)
    assert await board.done() == E.NONE and await board.frame() == sent.tobytes()
    await board.write(R.DUMP_ADDRESS, ADDRESS)
    await board.write(R.DUMP_COUNT, WORDS)
    await board.start(C.DUMP)
    assert await board.done() == E.NONE
    assert await board.frame() == sent.tobytes()
    await bench.works()
