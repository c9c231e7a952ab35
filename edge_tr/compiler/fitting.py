"""Which boards a model fits, by its smallest kernels: what `edge-tr inspect` says before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.compiler.alternatives import MARGIN, RUNTIME_FLASH
from edge_tr.compiler.mcu import EXPECTED_STACK, LAYER_RAM, RUNTIME_RAM
from edge_tr.graph import Graph
from edge_tr.kernels import parse_choice
from edge_tr.lower.program import lower
from edge_tr.prepared.budget import Budget

SMALLEST = "int8"
"""The kernel that takes a byte a weight, for layers that take it."""
UNSURE_FLASH, UNSURE_RAM = 4 << 10, 512
"""Bytes by which the linked program's sizes may miss the estimate: the runtime's share depends on the operators."""


@dataclass(frozen=True)
class Fit:
    """Whether a board is large enough: "fits", "does not fit", or "close" where only a build can tell. Sizes are
    estimates of the smallest lossless program, in bytes."""

    board: str
    verdict: Literal["fits", "close", "does not fit"]
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int


def fits(graph: Graph, candidates: Iterable[Board] | None = None) -> tuple[Fit, ...]:
    """Every microcontroller board that edge-tr knows, smallest RAM first, or these."""
    program = lower(graph, Budget(), parse_choice([SMALLEST]), "c", "size")
    flash = int(program.chosen_flash * MARGIN) + RUNTIME_FLASH
    beside = EXPECTED_STACK + RUNTIME_RAM + LAYER_RAM * len(program.layers)
    ram = program.memory.size + program.memory.beside + beside
    known = map(boards.load, boards.names()) if candidates is None else candidates
    found = [_fit(board, flash, ram) for board in known if board.toolchain.freestanding]
    return tuple(sorted(found, key=lambda fit: (fit.ram_limit, fit.flash_limit, fit.board)))


def _fit(board: Board, flash: int, ram: int) -> Fit:
    memory = board.memory
    spare = (memory.flash_bytes - flash, memory.ram_bytes - ram)
    unsure = (UNSURE_FLASH + flash // 20, UNSURE_RAM)
    if all(room >= doubt for room, doubt in zip(spare, unsure)):
        verdict = "fits"
    elif any(room < -doubt for room, doubt in zip(spare, unsure)):
        verdict = "does not fit"
    else:
        verdict = "close"
    return Fit(board.name, verdict, flash, memory.flash_bytes, ram, memory.ram_bytes)
