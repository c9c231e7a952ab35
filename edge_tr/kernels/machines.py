"""What planning knows of instruction sets: registers for accumulators, free shifts, cycles.

The cycles are of the sequences that `codegen.assembly` emits, with each core's published table at zero
wait states (Cortex-M0 DDI 0432, Cortex-M3 DDI 0337, Ibex): loads and stores 2, the rest 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_tr.errors import UsageError
from edge_tr.kernels.instructions import Flush, Instruction, Load, Machine


def _cost(load: int, first_flush: int, flush: int) -> Callable[[Instruction], int]:
    def cost(op: Instruction) -> int:
        if isinstance(op, Load):
            return load
        if isinstance(op, Flush):
            return first_flush if op.first else flush
        return 1

    return cost


MACHINES = {
    "c": Machine(accumulators=8, free_shift=True, cost=_cost(1, 8, 8)),
    "armv6-m": Machine(accumulators=5, free_shift=False, cost=_cost(2, 11, 16)),
    "armv7-m": Machine(accumulators=10, free_shift=True, cost=_cost(2, 7, 11)),
    "rv32": Machine(accumulators=8, free_shift=False, cost=_cost(2, 10, 16)),
}
MACHINES["armv6-m-mul32"] = MACHINES["armv6-m"]  # the same code on a core that multiplies in 32 cycles
MACHINES["armv7e-m"] = MACHINES["armv7-m"]  # the same code; costs differ, since it multiplies in pairs
MACHINES["rv32e"] = MACHINES["rv32"]  # the same code; costs differ, since it cannot multiply

SWEEPING = MACHINES | {isa: replace(MACHINES[isa], product=2) for isa in ("armv6-m", "armv7-m", "armv7e-m", "rv32")}
"""The same where a program is of one row, which leaves a register for products: a constant and a multiplication."""

DIRECT = {"armv7e-m"}
"""Instruction sets with SMMLAR: requantisation by `kernels.direct` where a layer allows it."""

DUAL = {"armv7e-m"}
"""Instruction sets with dual 16-bit multiply-accumulates."""

ISA_OF_CORE = {
    "host": "c",
    "cortex-m0": "armv6-m",
    "cortex-m0plus": "armv6-m",
    "cortex-m0-mul32": "armv6-m-mul32",
    "cortex-m0plus-mul32": "armv6-m-mul32",
    "cortex-m3": "armv7-m",
    "cortex-m4": "armv7e-m",
    "rv32ec": "rv32e",
    "rv32imc": "rv32",
}
"""Instruction set to generate code for; other cores get portable C."""


RUNS_CODE_OF = {
    "cortex-m7": "cortex-m4",
    "cortex-m23": "cortex-m0plus",
    "cortex-m33": "cortex-m4",
    "cortex-m55": "cortex-m4",
    "rv32imac": "rv32imc",
}
"""Cores that run all instructions of another (Cortex-M33 with DSP) and have no costs of their own here: planned as that
one."""

SAME_CODE = {"armv6-m-mul32": "armv6-m"}
"""Instruction sets that are another's with other costs: their code runs on each other's cores."""


def isa_of(core: str) -> str:
    """The instruction set of a board's core."""
    return ISA_OF_CORE.get(_costed(core), "c")


def tables_of(core: str) -> tuple[str, ...]:
    """Cores whose costs code for `core` may be planned and counted by, its own first: chips with the same instructions
    differ in their pipeline and multiplier."""
    same = [other for other in ISA_OF_CORE if core in ISA_OF_CORE and _code_of(other) == _code_of(core)]
    return core, *(other for other in same if other != core)


def counted_on(core: str, planned: str) -> str:
    """The core that a build `planned` by the costs of one is counted on by default, for a board with `core`."""
    return core if planned == _costed(core) else planned


def planned_for(board: str, core: str, wanted: str | None) -> str:
    """The core whose costs a build for `board` with `core` is planned by; UsageError if `wanted` is none of them."""
    tables = tables_of(_costed(core))
    if wanted is not None and wanted not in tables:
        raise UsageError(
            f"--core {wanted}: {board} runs the code of {core}, whose costs are known for {', '.join(tables)}"
        )
    return wanted or tables[0]


def _costed(core: str) -> str:
    return RUNS_CODE_OF.get(core, core)


def _code_of(core: str) -> str:
    return SAME_CODE.get(isa_of(core), isa_of(core))
