"""Published cycle tables of processor cores, as data, and the one rule book that reads them.

A core is one `Core`: cycles by kind of instruction, from its manual, at zero wait states. What comes out
is an estimate, not a measurement: caches, bus contention and wait states are left out. Where a manual gives a
range the upper end is taken, except for the pipeline refill P of Cortex-M3 and M4 (1 to 3), taken as 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from edge_tr.errors import UsageError


class Kind(Enum):
    """What tables tell apart."""

    ALU = auto()  # moves, shifts, arithmetic, extension; whatever has no kind of its own
    MULTIPLY = auto()  # low 32 bits, dual 16-bit
    MULTIPLY_ADD = auto()
    MULTIPLY_LONG = auto()  # 64-bit product, or its high word
    MULTIPLY_LONG_ADD = auto()
    DIVIDE = auto()
    LOAD = auto()
    STORE = auto()
    STORE_INDEXED = auto()  # register offset
    LOAD_MULTIPLE = auto()  # of N registers, pop too: cycles[kind] + N
    STORE_MULTIPLE = auto()
    LOAD_PC = auto()
    POP_PC = auto()  # of N registers, pc among them: cycles[kind] + N
    BRANCH = auto()  # conditional, if taken
    JUMP = auto()
    CALL = auto()
    JUMP_REGISTER = auto()  # return, move to pc
    CALL_REGISTER = auto()
    TABLE_BRANCH = auto()
    SYSTEM = auto()  # barriers, special registers


MULTIPLIES = {Kind.MULTIPLY, Kind.MULTIPLY_ADD, Kind.MULTIPLY_LONG, Kind.MULTIPLY_LONG_ADD}
LOADS = {Kind.LOAD, Kind.LOAD_MULTIPLE, Kind.LOAD_PC, Kind.POP_PC}
STORES = {Kind.STORE, Kind.STORE_INDEXED, Kind.STORE_MULTIPLE}
BRANCHES = {Kind.BRANCH, Kind.JUMP, Kind.CALL, Kind.JUMP_REGISTER, Kind.CALL_REGISTER, Kind.TABLE_BRANCH}
BRANCHES |= {Kind.LOAD_PC, Kind.POP_PC}


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction. `address` and `writes` are registers, given where a core's rules ask for them."""

    kind: Kind
    registers: int = 0  # N of a load or store multiple
    updates_base: bool = False
    address: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Core:
    """`pipelined`: the load/store rules of Cortex-M3 and M4, see `_neighbour`; `cycles`: None for a core whose makers
    publish no table, of which instructions are counted."""

    name: str
    isa: str  # "arm" or "riscv"
    source: str
    cycles: Mapping[Kind, int] | None
    pipelined: bool = False


_M0 = {
    Kind.ALU: 1,
    Kind.MULTIPLY: 1,
    Kind.LOAD: 2,
    Kind.STORE: 2,
    Kind.STORE_INDEXED: 2,
    Kind.LOAD_MULTIPLE: 1,
    Kind.STORE_MULTIPLE: 1,
    Kind.POP_PC: 4,
    Kind.BRANCH: 3,
    Kind.JUMP: 3,
    Kind.CALL: 4,
    Kind.JUMP_REGISTER: 3,
    Kind.CALL_REGISTER: 3,
    Kind.SYSTEM: 4,
}
_M0PLUS = {
    **_M0,
    Kind.POP_PC: 3,
    Kind.BRANCH: 2,
    Kind.JUMP: 2,
    Kind.CALL: 3,
    Kind.JUMP_REGISTER: 2,
    Kind.CALL_REGISTER: 2,
    Kind.SYSTEM: 3,
}
_REFILL = 2  # P: "1 to 3 depending on the alignment and width of the target instruction"
_M4 = {
    Kind.ALU: 1,
    Kind.MULTIPLY: 1,
    Kind.MULTIPLY_ADD: 1,
    Kind.MULTIPLY_LONG: 1,
    Kind.MULTIPLY_LONG_ADD: 1,
    Kind.DIVIDE: 12,  # 2 to 12
    Kind.LOAD: 2,
    Kind.STORE: 1,  # immediate offset: always one
    Kind.STORE_INDEXED: 2,
    Kind.LOAD_MULTIPLE: 1,
    Kind.STORE_MULTIPLE: 1,
    Kind.LOAD_PC: 5,  # blocking: two for the load, three for the refill
    Kind.POP_PC: 1 + _REFILL,
    Kind.BRANCH: 1 + _REFILL,
    Kind.JUMP: 1 + _REFILL,
    Kind.CALL: 1 + _REFILL,
    Kind.JUMP_REGISTER: 1 + _REFILL,
    Kind.CALL_REGISTER: 1 + _REFILL,
    Kind.TABLE_BRANCH: 6,  # blocking: two for the load, one for the addition, three for the refill
    Kind.SYSTEM: 2,
}
_M3 = {
    **_M4,
    Kind.MULTIPLY_ADD: 2,
    Kind.MULTIPLY_LONG: 5,  # 3 to 5, by the size of the factors
    Kind.MULTIPLY_LONG_ADD: 7,  # 4 to 7
}
_IBEX_E = {
    Kind.ALU: 1,
    Kind.LOAD: 2,
    Kind.STORE: 2,
    Kind.BRANCH: 3,  # 2 with the branch target ALU
    Kind.JUMP: 2,
    Kind.CALL: 2,
    Kind.JUMP_REGISTER: 2,
    Kind.CALL_REGISTER: 2,
    Kind.SYSTEM: 1,
}
_IBEX_M = {Kind.MULTIPLY: 1, Kind.MULTIPLY_LONG: 2, Kind.DIVIDE: 38}  # RV32MSingleCycle; 37 stall cycles at most

_M0_TRM = "Arm DDI 0432C (Cortex-M0 r0p0), table 3-1"
_M0PLUS_TRM = "Arm DDI 0484C (Cortex-M0+ r0p1), table 3-1, memory behind AHB"
_M3_TRM = "Arm DDI 0337I (Cortex-M3 r2p1), table 3-1 and 3.3.2"
_M4_TRM = "Arm DDI 0439 (Cortex-M4 r0p1), table 3-1 and 3.3.2"
_IBEX = "lowRISC Ibex documentation, Pipeline Details, two stages without branch target ALU"


def _unpublished(name: str) -> Core:
    """Arm's manuals of these say which instructions there are, and not what they take; two may go at once in some."""
    return Core(f"cortex-{name}", "arm", f"no table: none is published for the Cortex-{name.upper()}", None)


def _slow_multiplier(core: Core) -> Core:
    """The same core with the 32-cycle multiplier, which the manuals leave to the chip's maker."""
    cycles = {**core.cycles, Kind.MULTIPLY: 32}
    return replace(core, name=f"{core.name}-mul32", source=f"{core.source}; MULS 32", cycles=cycles)


_M0_CORE = Core("cortex-m0", "arm", _M0_TRM, _M0)
_M0PLUS_CORE = Core("cortex-m0plus", "arm", _M0PLUS_TRM, _M0PLUS)
CORES: Mapping[str, Core] = {
    core.name: core
    for core in (
        _M0_CORE,
        _slow_multiplier(_M0_CORE),
        _M0PLUS_CORE,
        _slow_multiplier(_M0PLUS_CORE),
        Core("cortex-m3", "arm", _M3_TRM, _M3, pipelined=True),
        Core("cortex-m4", "arm", _M4_TRM, _M4, pipelined=True),
        *map(_unpublished, ("m7", "m23", "m33", "m55")),
        Core("rv32ec", "riscv", _IBEX, _IBEX_E),
        Core("rv32imc", "riscv", f"{_IBEX}, single-cycle multiplier", {**_IBEX_E, **_IBEX_M}),
    )
}


def find(name: str) -> Core:
    """The core called `name`; UsageError without a table."""
    if name not in CORES:
        close = difflib.get_close_matches(name, CORES, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(CORES)}"
        raise UsageError(f"no cycle table for core {name!r}: {hint}")
    return CORES[name]


def block_cycles(core: Core, block: Sequence[Instruction], taken: bool) -> int:
    """Estimated cycles of one run through a straight piece of code, or its instructions where the core has no table;
    `taken`: its end did not fall through."""
    return sum(instruction_cycles(core, block, taken))


def instruction_cycles(core: Core, block: Sequence[Instruction], taken: bool) -> Iterator[int]:
    """Those of each instruction.

    A branch that falls through, conditional by itself or in an IT block, costs one cycle on every core here.
    """
    for index, instruction in enumerate(block):
        if core.cycles is None or (instruction.kind in BRANCHES and not taken):
            yield 1
            continue
        own = core.cycles[instruction.kind] + instruction.registers
        before = block[index - 1] if index and core.pipelined else None
        yield _neighbour(before, instruction, own) if before else own


def _neighbour(before: Instruction, now: Instruction, own: int) -> int:
    """Cycles of `now` after `before` (DDI 0337I and DDI 0439, 3.3.2).

    A single load or store after a single load takes one cycle less, if it does not wait for its address. An
    address that a data processing instruction has just computed costs one cycle more.
    """
    if now.kind not in LOADS | STORES:
        return own
    waits = bool(before.writes & now.address)
    if before.kind is Kind.LOAD:
        follows = now.kind in (Kind.LOAD, Kind.STORE, Kind.STORE_INDEXED)
        updates = before.updates_base or now.updates_base
        return max(1, own - 1) if follows and not waits and not updates else own
    computed = before.kind is Kind.ALU or before.kind in MULTIPLIES or before.kind is Kind.DIVIDE
    return own + 1 if waits and computed else own
