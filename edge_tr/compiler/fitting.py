"""Which boards a model fits, by its smallest kernels, before anything is compiled: what `edge-tr inspect` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.compiler.alternatives import MARGIN, RUNTIME_FLASH
from edge_tr.compiler.rooms import EXPECTED_STACK, LAYER_RAM, RUNTIME_RAM
from edge_tr.graph import Graph
from edge_tr.kernels import KernelChoice
from edge_tr.lower.program import Candidates, Limits, choose, explore
from edge_tr.prepared.budget import Budget

UNSURE_FLASH, UNSURE_RAM = 4 << 10, 512
"""Bytes by which the linked program's sizes may miss the estimate: the runtime's share depends on the operators."""


@dataclass(frozen=True)
class Fit:
    """Whether a board is large enough: "fits", "does not fit", or "close" where only a build can tell. Sizes are
    estimates of the smallest lossless program for this much RAM, in bytes."""

    board: str
    verdict: Literal["fits", "close", "does not fit"]
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int


def fits(graph: Graph) -> tuple[Fit, ...]:
    """Every microcontroller board that edge-tr knows, smallest RAM first. Kernels are those of portable C: the tables
    of weights are the same for every core."""
    found = explore(graph, Budget(), KernelChoice(), "c")
    known = (board for board in map(boards.load, boards.names()) if board.toolchain.freestanding)
    fitting = [_fit(board, found) for board in known]
    return tuple(sorted(fitting, key=lambda fit: (fit.ram_limit, fit.flash_limit, fit.board)))


def _fit(board: Board, found: Candidates) -> Fit:
    memory = board.memory
    beside = EXPECTED_STACK + RUNTIME_RAM + LAYER_RAM * len(found.ops)
    program = choose(found, "size", Limits(ram=memory.ram_bytes - beside))
    flash = int(program.chosen_flash * MARGIN) + RUNTIME_FLASH
    ram = program.memory.size + program.memory.beside + beside
    spare = (memory.flash_bytes - flash, memory.ram_bytes - ram)
    unsure = (UNSURE_FLASH + flash // 20, UNSURE_RAM)
    if any(room < -doubt for room, doubt in zip(spare, unsure)):
        verdict = "does not fit"
    else:
        verdict = "fits" if all(room >= doubt for room, doubt in zip(spare, unsure)) else "close"
    return Fit(board.name, verdict, flash, memory.flash_bytes, ram, memory.ram_bytes)
