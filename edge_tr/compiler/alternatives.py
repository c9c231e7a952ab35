"""What else a build could have been: other choices of kernels, and what makes a build fit that does not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from edge_tr import boards
from edge_tr.boards import Board, Memory
from edge_tr.lower.program import Program
from edge_tr.lower.select import Selection, handful, select
from edge_tr.manifest import Alternative, Remedy
from edge_tr.target.toolchain import Sizes

RUNTIME_FLASH = 13 << 10
"""Bytes that kernels, loader protocol and start-up take beside the layers, to begin with; the link tells."""
MOST_BOARDS = 3
"""That are named where a model does not fit: the smallest that it fits."""
STEPS = 4
"""Of the Pareto front between its ends, besides the choices that have a name."""
MARGIN = 1.03
"""What a layer's code and constants may take beyond their estimate without another choice of kernels."""
SMALLER_BUDGETS = ("g=8,k=6", "g=8,k=4", "g=8,k=3", "g=8,k=2")
"""What is tried where flash is short: with more terms than weights, int8 weights are smaller."""

Smallest = Callable[[str | None, Sequence[str]], int]
"""Least bytes of all layers with weights under another budget (None: the build's own), with kernels as prescribed."""


def alternatives(program: Program, sizes: Sizes, layers: int, memory: Memory, fastest: bool) -> tuple[Alternative, ...]:
    """A handful of the Pareto front, smallest first, with the program's own choice.

    sizes    of the linked program, of which `layers` depends on the choice of kernels: the rest is the others' too
    memory   the board's
    fastest  whether the program's choice is known to be the fastest that the board takes
    """
    front, chosen = program.front, program.selection
    rest = sizes.flash - layers
    beside = max(rest, RUNTIME_FLASH)
    most = chosen.flash if fastest else memory.flash_bytes - beside
    named = {"": select(front, "speed", most), "--optimise size": front[0]}
    named |= {"--optimise balanced": select(front, "balanced", most)}

    def options(point: Selection) -> str | None:
        if point.flash > most:
            return None
        names = (name for name, other in named.items() if other.flash == point.flash)
        limit = -(-int(point.flash * MARGIN + beside) // 100) * 100
        return next(names, f"--flash-limit {limit}")

    shown = {point.flash: point for point in (*handful(front, STEPS), *named.values(), chosen)}
    return tuple(
        Alternative(
            flash_bytes=sizes.flash if point == chosen else flash + rest,
            ram_bytes=sizes.ram - program.memory.size + program.arena_of(point),
            cycles_estimated=point.cycles,
            options=options(point),
            chosen=point == chosen,
        )
        for flash, point in sorted(shown.items())
    )


def would_fit(
    program: Program, sizes: Sizes, limits: Memory, given: Board, smallest: Smallest, kernels: bool
) -> Iterator[Remedy]:
    """Ways to make a program fit that is too large; none if it fits.

    limits   memory that the build may use of the board `given`
    kernels  whether kernels were prescribed
    """
    own = given.memory
    flash_over, ram_over = sizes.flash > limits.flash_bytes, sizes.ram > limits.ram_bytes
    if not flash_over and not ram_over:
        return
    if sizes.flash <= own.flash_bytes and sizes.ram <= own.ram_bytes:
        raised = {f"--flash-limit {sizes.flash}": flash_over, f"--ram-limit {sizes.ram}": ram_over}
        yield _remedy(" ".join(option for option, needed in raised.items() if needed), sizes.flash, sizes.ram, own)
    if flash_over and not ram_over:
        beside = max(sizes.flash - program.selection.flash, RUNTIME_FLASH)
        for options, layers in _smaller(program, int((limits.flash_bytes - beside) / MARGIN), smallest, kernels):
            yield _remedy(options, beside + layers, sizes.ram, limits)
    others = (board for board in map(boards.load, boards.names()) if board.name != given.name)
    larger = (board for board in others if board.toolchain.freestanding and _holds(board.memory, sizes))
    ordered = sorted(larger, key=lambda board: (board.memory.ram_bytes, board.memory.flash_bytes))
    for board in ordered[:MOST_BOARDS]:
        yield _remedy(f"--target {board.name}", sizes.flash, sizes.ram, board.memory)


def _remedy(options: str, flash: int, ram: int, memory: Memory) -> Remedy:
    return Remedy(options, flash, memory.flash_bytes, ram, memory.ram_bytes)


def _holds(memory: Memory, sizes: Sizes) -> bool:
    return memory.flash_bytes >= sizes.flash and memory.ram_bytes >= sizes.ram


def _smaller(program: Program, room: int, smallest: Smallest, kernels: bool) -> Iterator[tuple[str, int]]:
    """Kernels or a budget with which the layers take at most `room` bytes of flash, and how many they take."""
    if program.front[0].flash <= room:
        yield "--optimise size", program.front[0].flash
    elif kernels and (layers := smallest(None, ())) <= room:
        yield "no --kernel", layers
    else:
        tried = ((f"--budget {budget}", smallest(budget, ("lists",))) for budget in SMALLER_BUDGETS)
        yield from itertools.islice(((options, layers) for options, layers in tried if layers <= room), 1)
