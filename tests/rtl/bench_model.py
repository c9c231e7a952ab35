"""A whole model on tr_accelerator."""

from __future__ import annotations

from pathlib import Path

import cocotb
import numpy as np
from driver import Board, C, E, R

import edge_tr.demo
from edge_tr.accel import lower_accel
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.prepared.budget import parse

(MODEL,) = Path(edge_tr.demo.__file__).parent.glob("*.tflite")


class Digits:
    """The demo model, scheduled, with an input and what golden says."""

    def __init__(self, budget: str, seed: int) -> None:
        graph = tflite.load(MODEL)
        self.program = lower_accel(graph, parse(budget))
        shape = graph.tensor(graph.inputs[0]).shape[1:]
        x = np.random.default_rng(seed).integers(-128, 128, (1, *shape)).astype(np.int8)
        golden = run(graph, x, weights=self.program.most.revealed, data_terms=self.program.data_terms, keep="all")
        (self.segment,) = self.program.most.segments
        self.last = self.program.most.layers[-1]
        self.expected = self.program.most.alive.of(golden.tensors)[self.last.tensor].ravel()
        sent = np.append(x.ravel(), 0)[self.segment.sends[0].index].astype(np.int8).view("<u8")
        self.beats = np.concatenate([sent, self.segment.stream])

    async def load(self, board: Board) -> None:
        """The program."""
        await board.start(C.LOAD, self.program.load)
        assert await board.done() == E.NONE
        assert await board.read(R.PROGRAM) == self.program.program_crc

    async def infer(self, board: Board) -> None:
        """One inference, equal to golden."""
        await board.start(C.START, self.beats)
        assert await board.done() == E.NONE
        output = np.frombuffer(await board.frame(), np.int8)[self.segment.reads[0].index]
        assert np.array_equal(output, self.expected)


@cocotb.test()
async def equals_golden(dut):
    board = Board(dut)
    await board.reset()
    digits = Digits("g=8,k=8", 1)
    await digits.load(board)
    await digits.infer(board)
    quick = await board.read(R.CYCLES)
    assert abs(quick - digits.program.levels[0].cycles) <= 0.02 * quick, (quick, digits.program.levels[0].cycles)
    board.pause(0.5, 7)
    await digits.infer(board)
    assert await board.read(R.CYCLES) > quick
