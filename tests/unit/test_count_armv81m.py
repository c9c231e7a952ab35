"""Instructions of Armv8.1-M that are executed here: as the assembler encodes them and as the manual defines them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edge_tr.lower import cores
from edge_tr.target.count import count_function
from edge_tr.target.count_armv81m import Loop, Select, decode, holds
from edge_tr.target.count_decode import disassembler
from edge_tr.target.count_trace import Machine
from tests.unit.test_count import assemble

M55 = "-mcpu=cortex-m55"
CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
SELECT = {
    "csel": lambda value: value,
    "csinc": lambda value: value + 1 & 0xFFFF_FFFF,
    "csinv": lambda value: ~value & 0xFFFF_FFFF,
    "csneg": lambda value: -value & 0xFFFF_FFFF,
}


def test_conditions_are_those_of_predicated_instructions(tmp_path: Path) -> None:
    """Of a core that Unicorn knows: all conditions at all flags."""
    code = {name: f"msr apsr_nzcvq, r0\nmov r0, #0\nit {name}\nmov{name} r0, #1\nbx lr" for name in CONDITIONS}
    machine = Machine(assemble("-mcpu=cortex-m4", code, tmp_path))
    for (number, name), flags in itertools.product(enumerate(CONDITIONS), range(16)):
        assert machine.call(name, flags << 28) == holds(number, flags << 28), (name, flags)
    assert holds(14, 0) and holds(15, 0)


@pytest.mark.parametrize("name", SELECT)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_one_of_two_registers_is_selected(name: str, condition: str, tmp_path: Path) -> None:
    """The argument's upper half is the flags; of both values the upper bit is set in one."""
    setup = "msr apsr_nzcvq, r0\nmvn r2, #4\nmovw r12, #1234\n"
    codes = {
        "values": f"{setup}{name} r0, r2, r12, {condition}\nbx lr",
        "zero": f"{setup}{name} r0, zr, r2, {condition}\nbx lr",
        "link": f"{setup}mov r3, lr\n{name} lr, r2, r12, {condition}\nmov r0, lr\nbx r3",
    }
    machine = Machine(assemble(M55, codes, tmp_path))
    for flags in range(16):
        met = holds(CONDITIONS.index(condition), flags << 28)
        value = 0xFFFF_FFFB if met else SELECT[name](1234)
        assert machine.call("values", flags << 28) == machine.call("link", flags << 28) == value
        assert machine.call("zero", flags << 28) == (0 if met else SELECT[name](0xFFFF_FFFB))


@pytest.mark.parametrize("rounds", [0, 1, 2, 1000])
def test_loops_go_round_as_often_as_they_say_and_are_counted(rounds: int, tmp_path: Path) -> None:
    """DLS runs a loop at least once; nested ones save the counter."""
    count = f"push {{lr}}\nmovs r1, #0\nmovw r0, #{rounds}\n"
    body = "2: adds r1, #1\nadds r2, #3\nle lr, 2b\n1: mov r0, r1\npop {pc}"
    codes = {"dls": f"{count}dls lr, r0\n{body}", "wls": f"{count}wls lr, r0, 1f\n{body}"}
    elf = assemble(M55, codes, tmp_path)
    machine = Machine(elf)
    assert machine.call("dls") == max(1, rounds) and machine.call("wls") == rounds
    for name, times in (("dls", max(1, rounds)), ("wls", rounds)):
        assert count_function(elf, cores.find("cortex-m55"), name).instructions == 3 + 1 + 3 * times + 2


def test_they_are_told_from_what_else_there_is(tmp_path: Path) -> None:
    loops = ("2: dls lr, r12", "dls lr, lr", "wls lr, r0, 1f", "le lr, 2b")
    lines = (*loops, "csinc r3, zr, r7, le", "b.w 2b", "orrs r0, r1", "1: bx lr")
    code = Machine(assemble(M55, {"run": "\n".join(lines)}, tmp_path)).read(0x10000, 28)
    assert [decode(code[at : at + 4]) for at in range(0, 24, 4)] == [
        Loop("dls", 12),
        Loop("dls", 14),
        Loop("wls", 0, 14),
        Loop("le", offset=-16),
        Select("csinc", 3, 15, 7, 13),
        None,
    ]
    names = [name for _, _, name, _ in disassembler("arm").disasm_lite(code, 0x10000)]
    assert names[:4] == [".word"] * 4 and names[5:] == ["b.w", "orrs", "bx"]
