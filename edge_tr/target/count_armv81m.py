"""What compilers use of Armv8.1-M without vectors, and neither Unicorn nor Capstone knows (Arm DDI 0553B, C2.4):
low-overhead loops (LE, DLS, WLS) and conditional selection (CSEL, CSINC, CSINV, CSNEG).

A core that lacks them stops at them; they are executed here then, and execution goes on behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge_tr.lower.cores import Instruction, Kind

BYTES = 4
SP, LR, PC = 13, 14, 15
REGISTERS = (*(f"R{number}" for number in range(13)), "SP", "LR", "PC", "XPSR")
"""Unicorn's names of those that are used."""
_WORD = 0xFFFF_FFFF
_SELECT = ("csel", "csinc", "csinv", "csneg")


@dataclass(frozen=True)
class Loop:
    """le      one round less to go, and back by `offset` bytes from the next instruction if one is left
    dls, wls  as many rounds as `register` says; wls: forward by `offset` if there are none"""

    name: Literal["le", "dls", "wls"]
    register: int = 0
    offset: int = 0

    @property
    def instruction(self) -> Instruction:
        """What cycle tables would call it."""
        return Instruction(Kind.ALU if self.name == "dls" else Kind.BRANCH)


@dataclass(frozen=True)
class Select:
    """`to` becomes `first` under `condition`; else `second`, as it is or one more, inverted, negated. PC reads as 0."""

    name: str
    to: int
    first: int
    second: int
    condition: int

    @property
    def instruction(self) -> Instruction:
        """What cycle tables would call it."""
        return Instruction(Kind.ALU)


def decode(code: bytes) -> Loop | Select | None:
    """None if the four bytes are anything else."""
    first, second = int.from_bytes(code[:2], "little"), int.from_bytes(code[2:4], "little")
    register = first & 0xF
    offset = (second >> 1 & 0x3FF) << 2 | (second >> 11 & 1) << 1
    has_offset = second & 0xF001 == 0xC001
    if first == 0xF00F and has_offset:
        return Loop("le", offset=-offset)
    if first & 0xFFF0 == 0xF040 and register not in (SP, PC):
        if second == 0xE001:
            return Loop("dls", register)
        if has_offset:
            return Loop("wls", register, offset)
    if first & 0xFFF0 == 0xEA50 and second & 0xC000 == 0x8000:
        return Select(_SELECT[second >> 12 & 3], second >> 8 & 0xF, register, second & 0xF, second >> 4 & 0xF)
    return None


def execute(engine: Any, number: Mapping[str, int]) -> bool:
    """Execute the instruction at which `engine` has stopped; False if it is none of these. `number`: Unicorn's, by the
    names in `REGISTERS`."""
    at = engine.reg_read(number["PC"])
    decoded = decode(bytes(engine.mem_read(at, BYTES)))
    if decoded is None:
        return False
    if isinstance(decoded, Loop):
        following = at + BYTES + _jump(engine, decoded, number)
    else:
        engine.reg_write(number[REGISTERS[decoded.to]], _selected(engine, decoded, number))
        following = at + BYTES
    engine.reg_write(number["PC"], following | 1)
    return True


def _jump(engine: Any, loop: Loop, number: Mapping[str, int]) -> int:
    """Count the rounds; bytes from the next instruction to the one that follows."""
    link = number["LR"]
    if loop.name == "le":
        left = engine.reg_read(link)
        if left > 1:
            engine.reg_write(link, left - 1)
            return loop.offset
        return 0
    rounds = engine.reg_read(number[REGISTERS[loop.register]])
    if loop.name == "wls" and rounds == 0:
        return loop.offset
    engine.reg_write(link, rounds)
    return 0


def _selected(engine: Any, select: Select, number: Mapping[str, int]) -> int:
    def value(register: int) -> int:
        return 0 if register == PC else engine.reg_read(number[REGISTERS[register]])

    if holds(select.condition, engine.reg_read(number["XPSR"])):
        return value(select.first)
    other = value(select.second)
    changed = {"csel": other, "csinc": other + 1, "csinv": ~other, "csneg": -other}
    return changed[select.name] & _WORD


def holds(condition: int, flags: int) -> bool:
    """Whether a condition's code is met by the flags in the upper bits of a word, N first (DDI 0553B, C1.3)."""
    n, z, c, v = (bool(flags >> bit & 1) for bit in (31, 30, 29, 28))
    met = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return met != bool(condition & 1) or condition == 15
