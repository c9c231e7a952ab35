"""Bytes to the kinds of instructions that cycle tables tell apart, with Capstone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edge_tr.errors import EdgeTrError
from edge_tr.lower.cores import Instruction, Kind
from edge_tr.target import count_armv81m
from edge_tr.target.count_trace import require

_ARM_KINDS: Mapping[Kind, str] = {
    Kind.MULTIPLY: "mul smulbb smulbt smultb smultt smulwb smulwt smuad smuadx smusd smusdx",
    Kind.MULTIPLY_ADD: "mla mls smlabb smlabt smlatb smlatt smlawb smlawt smlad smladx smlsd smlsdx "
    "smmul smmulr smmla smmlar smmls smmlsr",
    Kind.MULTIPLY_LONG: "smull umull",
    Kind.MULTIPLY_LONG_ADD: "smlal umlal umaal smlalbb smlalbt smlaltb smlaltt smlald smlaldx smlsld smlsldx",
    Kind.DIVIDE: "sdiv udiv",
    Kind.LOAD: "ldr ldrb ldrh ldrsb ldrsh",
    Kind.STORE: "str strb strh",
    Kind.LOAD_MULTIPLE: "ldm ldmdb pop ldrd",
    Kind.STORE_MULTIPLE: "stm stmdb push strd",
    Kind.BRANCH: "cbz cbnz",
    Kind.JUMP: "b",
    Kind.CALL: "bl",
    Kind.JUMP_REGISTER: "bx",
    Kind.CALL_REGISTER: "blx",
    Kind.TABLE_BRANCH: "tbb tbh",
    Kind.SYSTEM: "dmb dsb isb mrs msr cps svc bkpt wfi wfe sev",
}
_RISCV_KINDS: Mapping[Kind, str] = {
    Kind.MULTIPLY: "mul",
    Kind.MULTIPLY_LONG: "mulh mulhu mulhsu",
    Kind.DIVIDE: "div divu rem remu",
    Kind.LOAD: "lb lbu lh lhu lw lwsp",
    Kind.STORE: "sb sh sw swsp",
    Kind.BRANCH: "beq bne blt bltu bge bgeu beqz bnez",
    Kind.JUMP: "j",
    Kind.CALL: "jal",
    Kind.JUMP_REGISTER: "jr jalr",
    Kind.SYSTEM: "csrrw csrrs csrrc csrrwi csrrsi csrrci fence fence.i ecall ebreak",
}
_ARM = {name: kind for kind, names in _ARM_KINDS.items() for name in names.split()}
_RISCV = {name: kind for kind, names in _RISCV_KINDS.items() for name in names.split()}
_TO_PC = {Kind.ALU: Kind.JUMP_REGISTER, Kind.LOAD: Kind.LOAD_PC, Kind.LOAD_MULTIPLE: Kind.POP_PC}
_LISTS = (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE, Kind.POP_PC)


def decoder(isa: str) -> Callable[[bytes], tuple[Instruction, ...]]:
    """A function from code to instructions. Each encoding is looked at once: large firmware repeats few."""
    capstone = disassembler(isa)
    kind_of = _arm if isa == "arm" else _riscv

    @functools.cache
    def one(code: bytes) -> Instruction:
        unknown = count_armv81m.decode(code) if isa == "arm" else None
        if unknown is not None:
            return unknown.instruction
        found = list(capstone.disasm(code, 0))
        if len(found) != 1:
            raise EdgeTrError(f"Capstone does not know the {isa} instruction {code.hex()}: please report it")
        return kind_of(found[0])

    def decode(code: bytes) -> tuple[Instruction, ...]:
        found, at = [], 0
        for size in lengths(isa, code):
            found.append(one(code[at : at + size]))
            at += size
        return tuple(found)

    return decode


def lengths(isa: str, code: bytes) -> Iterator[int]:
    """Bytes of each instruction."""
    length, at = _thumb_length if isa == "arm" else _riscv_length, 0
    while at < len(code):
        size = length(code[at] | code[at + 1] << 8)
        yield size
        at += size


def _thumb_length(half_word: int) -> int:
    """Armv7-M Architecture Reference Manual, DDI 0403E, A5.1."""
    return 4 if half_word >> 11 in (0b11101, 0b11110, 0b11111) else 2


def _riscv_length(half_word: int) -> int:
    """RISC-V Unprivileged Architecture 20191213, 1.5."""
    return 4 if half_word & 3 == 3 else 2


def disassembler(isa: str) -> Any:
    """Capstone for Thumb-2, in which what it lacks of Armv8.1-M is data, or RV32C; with operands."""
    capstone = require("capstone")
    if isa == "arm":
        engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        engine.skipdata_setup = (".word", _bytes_to_skip, None)
        engine.skipdata = True
    else:
        engine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC)
    engine.detail = True
    return engine


def _bytes_to_skip(code: Any, size: int, offset: int, _user: Any) -> int:
    """What Capstone calls at an instruction that it does not know; 0: it stops there."""
    known = count_armv81m.decode(bytes(code[offset : min(size, offset + count_armv81m.BYTES)]))
    return 0 if known is None else count_armv81m.BYTES


def _riscv(instruction: Any) -> Instruction:
    return Instruction(_RISCV.get(instruction.insn_name().removeprefix("c."), Kind.ALU))


def _arm(instruction: Any) -> Instruction:
    """Predicated instructions of an IT block count as executed, unless they leave it."""
    arm = require("capstone.arm")
    memory = [operand.mem for operand in instruction.operands if operand.type == arm.ARM_OP_MEM]
    listed = [operand.reg for operand in instruction.operands if operand.type == arm.ARM_OP_REG]
    writes = frozenset(instruction.regs_access()[1])
    kind = _ARM.get(instruction.insn_name(), Kind.ALU)
    address = {register for mem in memory for register in (mem.base, mem.index) if register}
    if kind in (Kind.LOAD_MULTIPLE, Kind.STORE_MULTIPLE) and not memory:
        implied = instruction.id in (arm.ARM_INS_PUSH, arm.ARM_INS_POP)
        address = {arm.ARM_REG_SP if implied else listed.pop(0)}
    elif kind is Kind.STORE and len(address) > 1:
        kind = Kind.STORE_INDEXED
    elif kind is Kind.JUMP and instruction.cc != arm.ARM_CC_AL:
        kind = Kind.BRANCH
    if arm.ARM_REG_PC in writes:
        kind = _TO_PC.get(kind, kind)
    return Instruction(
        kind,
        registers=len(listed) if kind in _LISTS else 0,
        updates_base=bool(memory) and instruction.writeback,
        address=frozenset(address),
        writes=writes,
    )
