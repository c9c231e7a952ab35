"""What a program has room for: kernels are chosen for what flash and RAM are likely to hold, and links tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge_tr.boards import Board
from edge_tr.compiler.alternatives import RUNTIME_FLASH
from edge_tr.kernels.waiting import HOT_BYTES
from edge_tr.lower.program import Candidates, Limits, Program, choose
from edge_tr.target.count_stack import Stack
from edge_tr.target.toolchain import HotTooLarge, Linked, OverflowingLink

RUNTIME_RAM, LAYER_RAM, EXPECTED_STACK = 1 << 10, 12, 512
"""Bytes of frame buffers and state beside arena and stack, of each layer's cost and digest, and of the stack, to begin
with; the link tells."""
FITTING_TRIES = 4


class Compiled(NamedTuple):
    """A build's id, what was linked or by how much it overflows, and the bound of its stack."""

    build_id: int
    linked: Linked | OverflowingLink
    stack: Stack


@dataclass(frozen=True)
class Planned:
    """Candidates, and the room there is for them."""

    found: Candidates
    room: Limits
    objective: str

    @property
    def rank(self) -> tuple[bool, int]:
        """The less the better: whether RAM does not do for what is chosen, and its cycles."""
        program = choose(self.found, self.objective, self.room)
        return _arena(program) > (self.room.ram or 0), program.cycles_estimated


def expected_room(board: Board, more_ram: int, hot: bool) -> Limits:
    """What the layers have room for. `more_ram`: that the server takes beside what it always does; `hot`: the runtime's
    code takes some too, which data must lie beside."""
    memory = board.memory
    ram, stack = memory.ram_bytes, min(memory.stack_bytes, EXPECTED_STACK)
    if hot and board.code_ram is not None:
        ram = min(ram - HOT_BYTES, max(end - begin for begin, end in board.data_beside_code))
    return Limits(memory.flash_bytes - RUNTIME_FLASH, ram - stack - RUNTIME_RAM - more_ram)


def fastest(
    planned: Callable[[bool], Planned], board: Board, compiled: Callable[[Program, bool], Compiled]
) -> tuple[Program, Compiled]:
    """The program that fits, compiled: with the runtime's code in RAM where the board has some for it, where that is
    faster, and where there is room."""
    cold = planned(False)
    if board.code_ram is not None:
        hot = planned(True)
        if hot.rank <= cold.rank:
            try:
                program, done = _fitted(hot, board, lambda program: compiled(program, True))
                if done.linked.sizes.ram <= board.memory.ram_bytes:
                    return program, done
            except HotTooLarge:
                pass
    return _fitted(cold, board, lambda program: compiled(program, False))


def _fitted(planned: Planned, board: Board, compiled: Callable[[Program], Compiled]) -> tuple[Program, Compiled]:
    """The program that fits, compiled: links tell what the layers have room for."""
    found, room, objective, memory = planned.found, planned.room, planned.objective, board.memory
    for _ in range(FITTING_TRIES):
        program = choose(found, objective, room)
        done = compiled(program)
        over = done.linked.sizes.flash - memory.flash_bytes
        ram_over = done.linked.sizes.ram - memory.ram_bytes
        smallest = ram_over > 0 and _arena(program) > (room.ram or 0)
        if (over <= 0 or program.is_smallest) and (ram_over <= 0 or smallest):
            break
        if over > 0:
            room = replace(room, flash=min(room.flash, program.chosen_flash) - over)
        if ram_over > 0:
            room = replace(room, ram=_arena(program) - ram_over)
    more = choose(found, objective, replace(room, flash=program.chosen_flash - over))
    if objective == "speed" and over < 0 and more.cycles_estimated < program.cycles_estimated:
        larger = compiled(more)
        if larger.linked.sizes.flash <= memory.flash_bytes and larger.linked.sizes.ram <= memory.ram_bytes:
            return more, larger
        done = compiled(program)
    return program, done


def _arena(program: Program) -> int:
    """Bytes of tensors, scratch and states."""
    return program.memory.size + program.memory.beside
