"""Count the instructions of every layer exactly, and estimate their cycles from a core's published table.

Counts are exact: every executed block is recorded, and taken branches are told from others. Cycles are an estimate
(`lower.cores`): without memory, as if flash answered at once, and with it, where `Timing` has played every fetch and
read of the run through what the board has there (`target.waits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge_tr.boards import Reads
from edge_tr.errors import UsageError
from edge_tr.lower.cores import (
    BRANCHES,
    LOADS,
    MULTIPLIES,
    STORES,
    Core,
    Instruction,
    Kind,
    block_cycles,
    instruction_cycles,
)
from edge_tr.target.count_decode import decoder, lengths
from edge_tr.target.count_trace import Layer, Trace, trace, trace_function
from edge_tr.target.waits import Stalls, Step, Waits

READS = LOADS | {Kind.TABLE_BRANCH}
"""What reads memory: as many addresses as registers, at least one."""

REQUANTISING = (
    "tr_finish_",
    "tr_output_",
    "tr_multiply",
    "tr_doubling_",
    "tr_rounding_",
    "tr_clamp",
)
"""How functions begin that requantise: firmware/src/tr_finish_*.S, tr_output.c and tr_requant.c."""
LONG_PRODUCTS = {"__aeabi_lmul", "__muldi3", "__mulsi3"}
"""Of libgcc, called by them. Kernels may call the last one too: counted here all the same."""


@dataclass(frozen=True)
class Figures:
    """Executed instructions, in all and by class (a load multiple is one load, a return by pop a load and
    a branch), and the estimate of their cycles, of which `cycles_requantising` in functions that requantise."""

    instructions: int
    cycles_estimated: int
    cycles_requantising: int
    multiplies: int
    loads: int
    stores: int
    branches: int


@dataclass(frozen=True)
class Count:
    """`layers`, their `stalls` where those were listened for, and `outputs` (tensors as bytes) in the order of the
    model."""

    core: str
    total: Figures
    layers: tuple[Figures, ...]
    outputs: tuple[bytes, ...]
    stalls: tuple[Stalls, ...] = ()


class Timing:
    """Listens to a run: what a core waits for behind flash of `size` bytes from `origin` on."""

    def __init__(self, core: Core, reads: Reads, origin: int, size: int) -> None:
        self.core = core
        self._waits = Waits(reads, origin, size)
        self._decode = decoder(core.isa)
        self._steps: dict[tuple[int, int, bool], list[Step]] = {}

    def play(
        self, events: np.ndarray, blocks: Sequence[tuple[int, int, bool]], read: Callable[[int, int], bytes]
    ) -> None:
        for block in blocks:
            if block not in self._steps:
                self._steps[block] = self._steps_of(read(*block[:2]), block[2])
        self._waits.play(events, [address for address, _, _ in blocks], [self._steps[block] for block in blocks])

    def _steps_of(self, code: bytes, taken: bool) -> list[Step]:
        instructions = self._decode(code)
        cycles = instruction_cycles(self.core, instructions, taken)
        reads = (max(1, i.registers) if i.kind in READS else 0 for i in instructions)
        return list(zip(lengths(self.core.isa, code), cycles, reads, strict=True))

    def take(self) -> Stalls:
        return self._waits.take()


def count(elf: Path, core: Core, inputs: Sequence[bytes], layers: int) -> Count:
    """Run a firmware's layers on one input and count. ToolMissingError without Unicorn and Capstone."""
    return estimate(trace(elf, inputs, layers), core)


def count_function(elf: Path, core: Core, function: str, argument: int | str = 0) -> Figures:
    """The same for one call of one function, from its first instruction to its return included."""
    return estimate(trace_function(elf, function, argument), core).total


def stalls_of_function(elf: Path, timing: Timing, function: str, argument: int | str = 0) -> Stalls:
    """What `timing` makes of such a call."""
    return trace_function(elf, function, argument, (timing,)).layers[0].stalls[0]


def estimate(traced: Trace, core: Core, listener: int | None = None) -> Count:
    """The figures of a run on one core; the same run serves several cores of one instruction set. `listener`: the
    number of the one whose stalls are those of this core."""
    if core.isa != traced.isa:
        raise UsageError(f"{core.name} does not run {traced.isa} code")
    decode = decoder(traced.isa)
    code = {block: decode(data) for block, data in traced.code.items()}
    layers = tuple(_figures(layer, code, traced.owners, core) for layer in traced.layers)
    stalls = () if listener is None else tuple(layer.stalls[listener] for layer in traced.layers)
    return Count(core.name, total(layers), layers, tuple(layer.output for layer in traced.layers), stalls)


def total(figures: Iterable[Figures]) -> Figures:
    """Their sum."""
    parts = [asdict(part) for part in figures]
    return Figures(**{name: sum(part[name] for part in parts) for name in Figures.__dataclass_fields__})


def _figures(
    layer: Layer,
    code: Mapping[tuple[int, int], tuple[Instruction, ...]],
    owners: Mapping[tuple[int, int], str],
    core: Core,
) -> Figures:
    def executed(weight: Callable[[tuple[Instruction, ...]], int]) -> int:
        return sum(times * weight(code[address, size]) for (address, size, _), times in layer.blocks.items())

    def of(kinds: set) -> int:
        return executed(lambda block: sum(instruction.kind in kinds for instruction in block))

    cycles = requantising = 0
    for (address, size, taken), times in layer.blocks.items():
        spent = times * block_cycles(core, code[address, size], taken)
        cycles += spent
        owner = owners[address, size]
        requantising += spent if owner.startswith(REQUANTISING) or owner in LONG_PRODUCTS else 0
    return Figures(executed(len), cycles, requantising, of(MULTIPLIES), of(LOADS), of(STORES), of(BRANCHES))
