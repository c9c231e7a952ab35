"""Count the instructions of every layer exactly, and estimate their cycles from a core's published table.

Counts are exact: every executed block is recorded, and taken branches are told from others. Cycles are an estimate
(`lower.cores`). With flash wait states, every 32-bit word of code that a block touches costs that many
cycles more: no prefetch, no cache, data in flash not considered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.lower.cores import BRANCHES, LOADS, MULTIPLIES, STORES, Core, Instruction, block_cycles
from edge_tr.target.count_decode import decoder
from edge_tr.target.count_trace import Layer, Trace, trace, trace_function

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
    """`layers` and `outputs` (tensors as bytes) in the order of the model."""

    core: str
    wait_states: int
    total: Figures
    layers: tuple[Figures, ...]
    outputs: tuple[bytes, ...]


def count(elf: Path, core: Core, inputs: Sequence[bytes], layers: int, wait_states: int = 0) -> Count:
    """Run a firmware's layers on one input and count. ToolMissingError without Unicorn and Capstone."""
    return estimate(trace(elf, inputs, layers), core, wait_states)


def count_function(elf: Path, core: Core, function: str, argument: int | str = 0, wait_states: int = 0) -> Figures:
    """The same for one call of one function, from its first instruction to its return included."""
    return estimate(trace_function(elf, function, argument), core, wait_states).total


def estimate(traced: Trace, core: Core, wait_states: int = 0) -> Count:
    """The figures of a run on one core; the same run serves several cores of one instruction set."""
    if core.isa != traced.isa:
        raise UsageError(f"{core.name} does not run {traced.isa} code")
    decode = decoder(traced.isa)
    code = {block: decode(data) for block, data in traced.code.items()}
    layers = tuple(_figures(layer, code, traced.owners, core, wait_states) for layer in traced.layers)
    return Count(core.name, wait_states, total(layers), layers, tuple(layer.output for layer in traced.layers))


def total(figures: Iterable[Figures]) -> Figures:
    """Their sum."""
    parts = [asdict(part) for part in figures]
    return Figures(**{name: sum(part[name] for part in parts) for name in Figures.__dataclass_fields__})


def _figures(
    layer: Layer,
    code: Mapping[tuple[int, int], tuple[Instruction, ...]],
    owners: Mapping[tuple[int, int], str],
    core: Core,
    wait_states: int,
) -> Figures:
    def executed(weight: Callable[[tuple[Instruction, ...]], int]) -> int:
        return sum(times * weight(code[address, size]) for (address, size, _), times in layer.blocks.items())

    def of(kinds: set) -> int:
        return executed(lambda block: sum(instruction.kind in kinds for instruction in block))

    cycles = requantising = 0
    for (address, size, taken), times in layer.blocks.items():
        words = (address + size + 3) // 4 - address // 4
        spent = times * (block_cycles(core, code[address, size], taken) + wait_states * words)
        cycles += spent
        owner = owners[address, size]
        requantising += spent if owner.startswith(REQUANTISING) or owner in LONG_PRODUCTS else 0
    return Figures(executed(len), cycles, requantising, of(MULTIPLIES), of(LOADS), of(STORES), of(BRANCHES))
