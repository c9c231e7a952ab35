"""A bound on the stack: frames of all functions, added along the deepest path of the call graph.

Frames come from the compiler (-fstack-usage, the .su files beside the objects) and, for assembly and libgcc, from
the instructions that move the stack pointer, all of them added. A call through a pointer may reach every
function whose address lies in data; excepted are the vector table, since no interrupt is ever enabled, and weight
tables, whose bytes may look like any address.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_tr.formats import image
from edge_tr.target.count_decode import disassembler
from edge_tr.target.count_trace import require


@dataclass(frozen=True)
class Stack:
    """`bytes` is None where no bound was found; `note` is the deepest path, or the reason."""

    bytes: int | None
    note: str


class _Unbounded(Exception):
    """No bound, and why."""


@dataclass
class _Function:
    """`calls` are addresses; `frame` is None if the code moves the stack pointer by a variable."""

    name: str
    frame: int | None = 0
    calls: set[int] = field(default_factory=set)
    indirect: bool = False


def worst_case(elf: Path, objects: Path, start: str | None = None) -> Stack:
    """The bound for a program from its entry on, or from the function `start`; `objects`: where the compiler left .su
    files."""
    with elf.open("rb") as stream:
        program = _Program(require("elftools.elf.elffile").ELFFile(stream))
    try:
        for name, bytes_ in _stack_usage(objects).items():
            for function in program.functions.values():
                if function.name.partition(".")[0] == name:
                    function.frame = bytes_
        begin = program.entry if start is None else program.address_of(start)
        deepest, path = _deepest(program, begin, ())
    except _Unbounded as reason:
        return Stack(None, str(reason))
    return Stack(deepest, " > ".join(path))


def _stack_usage(objects: Path) -> dict[str, int]:
    """Bytes by function; of functions of one name in several files, the most."""
    found: dict[str, int] = {}
    for file in sorted(objects.glob("firmware-*.su")):
        for line in file.read_text(encoding="utf-8").splitlines():
            place, size, kind = line.split("\t")
            name = place.rpartition(":")[2].partition(".")[0]
            if kind == "dynamic":
                raise _Unbounded(f"{name} has a frame of variable size")
            found[name] = max(found.get(name, 0), int(size))
    return found


def _deepest(program: _Program, address: int, above: tuple[int, ...]) -> tuple[int, tuple[str, ...]]:
    """Bytes from this function on, and the path that takes them."""
    if address in program.depths:
        return program.depths[address]
    function = program.functions[address]
    if address in above:
        raise _Unbounded(f"{function.name} may call itself through {program.functions[above[-1]].name}")
    if function.frame is None:
        raise _Unbounded(f"{function.name} moves the stack pointer by a variable, and the compiler left no .su file")
    callees = function.calls | (program.pointed_to if function.indirect else set())
    below = [_deepest(program, callee, (*above, address)) for callee in sorted(callees)]
    depth, path = max(below, default=(0, ()))
    program.depths[address] = function.frame + depth, (function.name, *path)
    return program.depths[address]


class _Program:
    """The functions of an ELF, what they call, and whose address lies in data."""

    def __init__(self, file: Any) -> None:
        symbols = list(file.get_section_by_name(".symtab").iter_symbols())
        self._isa = "arm" if file["e_machine"] == "EM_ARM" else "riscv"
        self._thumb = int(self._isa == "arm")
        self.entry = file["e_entry"] & ~self._thumb
        self.depths: dict[int, tuple[int, tuple[str, ...]]] = {}
        self.pointed_to: set[int] = set()
        self.functions: dict[int, _Function] = {}
        self._weights = [
            range(symbol["st_value"], symbol["st_value"] + symbol["st_size"])
            for symbol in symbols
            if symbol["st_info"]["type"] == "STT_OBJECT" and symbol.name.endswith("_table")
        ]
        ends: dict[int, int] = {}
        for symbol in symbols:
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                start = symbol["st_value"] & ~self._thumb
                self.functions[start] = _Function(symbol.name)
                ends[start] = start + symbol["st_size"]
        veneers = {start for start, function in self.functions.items() if _VENEER.match(function.name)}
        marks = sorted((s["st_value"], s.name[1] != "d") for s in symbols if re.match(r"\$[tdx]", s.name))
        vectors_end = (
            next(s["st_value"] for s in symbols if s.name == "TR_FLASH_ORIGIN") + image.IMAGE_HEADER_OFFSET.value
        )
        for section in file.iter_sections():
            if section["sh_type"] == "SHT_PROGBITS" and section["sh_flags"] & 2:  # SHF_ALLOC
                for start, data, owner in _parts(section["sh_addr"], section.data(), ends, marks):
                    if veneer := next((at for at in veneers if at < start < ends[at] and owner is None), None):
                        self.functions[veneer].calls.add(int.from_bytes(data[:4], "little") & ~self._thumb)
                    elif owner in veneers:
                        self.functions[owner].frame = _VENEER_FRAME
                    elif owner is not None:
                        self._read_code(self.functions[owner], owner, ends[owner], start, data)
                    elif start >= vectors_end:
                        self._read_words(start, data)

    def address_of(self, name: str) -> int:
        """Of the function that is called so; KeyError where there is none."""
        return {function.name: start for start, function in self.functions.items()}[name]

    def _read_words(self, start: int, data: bytes) -> None:
        for at in range(-start % 4, len(data) - 3, 4):
            word = int.from_bytes(data[at : at + 4], "little")
            if word & 1 != self._thumb or any(start + at in table for table in self._weights):
                continue
            if (
                word & ~self._thumb in self.functions and word != 0
            ):  # 0 is a pointer to nothing, also where flash begins
                self.pointed_to.add(word & ~self._thumb)

    def _read_code(self, function: _Function, first: int, end: int, start: int, code: bytes) -> None:
        new_stack = False
        for address, _, name, operands in disassembler(self._isa).disasm_lite(code, start):
            text = f"{name} {operands}"
            new_stack = new_stack or _NEW_STACK.match(text) is not None
            if _VARIABLE.match(text):
                function.frame = None
            elif function.frame is not None and not new_stack:
                function.frame += _pushed(text)
            if jump := _JUMP.match(text):
                target = int(jump["to"], 0) + (address if self._isa == "riscv" else 0)
                is_loop = first <= target < end and not name.endswith(("l", "lx"))
                if target in self.functions and not is_loop:
                    function.calls.add(target)
            elif _INDIRECT.match(text):
                function.indirect = True


def _parts(
    origin: int, data: bytes, ends: Mapping[int, int], marks: list[tuple[int, bool]]
) -> Iterator[tuple[int, bytes, int | None]]:
    """A section in pieces (address, bytes, start of the function that they are code of, or None for data).

    Literal pools inside functions are told by mapping symbols (ELF for the Arm Architecture, 5.5.5).
    """
    inside = {start: end for start, end in ends.items() if origin <= start < origin + len(data)}
    local = [mark for mark in marks if origin <= mark[0] < origin + len(data)]
    cuts = {origin, origin + len(data), *inside, *inside.values(), *(address for address, _ in local)}
    owner, is_code = None, True
    by_address = dict(local)
    for start, end in itertools.pairwise(sorted(cuts)):
        owner = start if start in inside else owner
        is_code = by_address.get(start, is_code)
        belongs = owner is not None and is_code and start < inside[owner]
        yield start, data[start - origin : end - origin], owner if belongs else None


# Capstone's text. Its RISC-V branches are relative; ra and t0 are RISC-V's link registers.
_JUMP = re.compile(r"(b(?!ic|f[ci]|kpt)|c?\.?j)[a-z.]* (?:\w+, )*#?(?P<to>-?(?:0x[0-9a-f]+|\d+))$")
_INDIRECT = re.compile(r"(c\.)?jalr |(blx|bx|mov pc,|(c\.)?jr) (?!(lr|ra|t0)$)[a-z]+\d*$")
_NEW_STACK = re.compile(r"(auipc|lui) sp,")
_VARIABLE = re.compile(r"(add|sub|mov|c\.mv|c\.add)[a-z.]* sp, (sp, )?(?!sp)[a-z]")
_VENEER = re.compile(r"__.+_veneer$")
_VENEER_FRAME = 4
"""Of what a linker puts between a call and a function far away: it ends in the address, and may push a register."""
_LIST = re.compile(r"(push|stmdb)\S* (sp!, )?\{(?P<registers>.*)\}")
_SUBTRACT = re.compile(r"(subw?\S* sp, (sp, )?#|(c\.)?addi(16sp)? sp, (sp, )?-|str\S* .*\[sp, #-)(?P<by>\w+)(\]!)?$")


def _pushed(text: str) -> int:
    """Bytes by which an instruction lowers the stack pointer."""
    if pushed := _LIST.match(text):
        return 4 * (pushed["registers"].count(",") + 1)
    lowered = _SUBTRACT.match(text)
    return int(lowered["by"], 0) if lowered else 0
