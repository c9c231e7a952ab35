"""The counter on code of known length, and its cycles against sums made by hand from the published tables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_tr.boards import Reads
from edge_tr.errors import DeviceError, ToolMissingError, UsageError
from edge_tr.lower import cores
from edge_tr.target import count_trace
from edge_tr.target.count import Figures, Timing, count, count_function, stalls_of_function
from edge_tr.target.tools import require_tool
from edge_tr.target.waits import Stalls

ARM = ("arm-none-eabi-gcc", "gcc-arm-none-eabi", "-mthumb")
RISCV = ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")

# r0 or a0 points to `data`, which holds its own address in every word.
ARM_CODE = {
    # name: (instructions, code, cycles by core), every code ends with its return
    "additions": (9, "adds r1, r0, #1\n" * 8 + "bx lr", {"m0": 8 + 3, "m0plus": 8 + 2, "m3": 8 + 3, "m4": 8 + 3}),
    "loop": (  # 9 branches taken, 1 not
        22,
        "movs r1, #10\n1: subs r1, #1\nbne 1b\nbx lr",
        {"m0": 1 + 10 + 9 * 3 + 1 + 3, "m0plus": 1 + 10 + 9 * 2 + 1 + 2, "m3": 1 + 10 + 9 * 3 + 1 + 3},
    ),
    "multiply": (2, "muls r0, r0, r0\nbx lr", {"m0": 4, "m0-mul32": 35, "m0plus": 3, "m0plus-mul32": 34, "m4": 4}),
    "loads in a row": (  # pipelined: 2 + 1 + 1
        4,
        "ldr r1, [r0]\nldr r2, [r0, #4]\nldrh r3, [r0, #8]\nbx lr",
        {"m0": 3 * 2 + 3, "m0plus": 3 * 2 + 2, "m3": 4 + 3, "m4": 4 + 3},
    ),
    "a load that waits for its address": (
        3,
        "ldr r1, [r0]\nldr r2, [r1]\nbx lr",
        {"m0": 4 + 3, "m0plus": 4 + 2, "m3": 4 + 3, "m4": 4 + 3},
    ),
    "a load of an address just computed": (
        3,
        "adds r0, #4\nldr r2, [r0]\nbx lr",
        {"m0": 3 + 3, "m0plus": 3 + 2, "m3": 1 + 3 + 3, "m4": 1 + 3 + 3},
    ),
    "a load, then stores": (  # immediate offset 1; register offset 2, 1 behind a load
        5,
        "ldr r1, [r0]\nstr r1, [r0, #4]\nstr r1, [r0, r2]\nstrb r1, [r0, #1]\nbx lr",
        {"m0": 8 + 3, "m0plus": 8 + 2, "m3": 2 + 1 + 2 + 1 + 3, "m4": 2 + 1 + 2 + 1 + 3},
    ),
    "a store with a register behind a load": (
        3,
        "ldr r1, [r0]\nstr r1, [r0, r2]\nbx lr",
        {"m0": 4 + 3, "m0plus": 4 + 2, "m3": 3 + 3, "m4": 3 + 3},
    ),
    "push and return by pop": (  # 1 + 3, then 1 + 3 and the return
        2,
        "push {r4, r5, lr}\npop {r4, r5, pc}",
        {"m0": 4 + 4 + 3, "m0plus": 4 + 3 + 3, "m3": 4 + 1 + 3 + 2, "m4": 4 + 1 + 3 + 2},
    ),
    "load and store multiple": (
        3,
        "ldmia r0!, {r1, r2, r3}\nstmia r0!, {r1, r2}\nbx lr",
        {"m0": 4 + 3 + 3, "m0plus": 4 + 3 + 2, "m3": 4 + 3 + 3, "m4": 4 + 3 + 3},
    ),
    "call": (
        4,
        "push {lr}\nbl 1f\npop {pc}\n1: bx lr",
        {"m0": 2 + 4 + 3 + 5, "m0plus": 2 + 3 + 2 + 4, "m3": 2 + 3 + 3 + 4, "m4": 2 + 3 + 3 + 4},
    ),
    "jump": (
        3,
        "b 1f\nnop\nnop\n1: mov r1, lr\nbx r1",
        {"m0": 3 + 1 + 3, "m0plus": 2 + 1 + 2, "m3": 3 + 1 + 3, "m4": 3 + 1 + 3},
    ),
}
ARMV7_CODE = {
    "multiply and add": (2, "mla r1, r0, r0, r0\nbx lr", {"m3": 2 + 3, "m4": 1 + 3}),
    "long multiplication": (2, "smull r1, r2, r0, r0\nbx lr", {"m3": 5 + 3, "m4": 1 + 3}),
    "division": (2, "udiv r1, r0, r0\nbx lr", {"m3": 12 + 3, "m4": 12 + 3}),
    "predicated return, not taken": (4, "cmp r0, r0\nit ne\nbxne lr\nbx lr", {"m3": 3 + 3, "m4": 3 + 3}),
    "predicated return, taken": (3, "cmp r0, r0\nit eq\nbxeq lr\nbx lr", {"m3": 2 + 3, "m4": 2 + 3}),
    "compare with zero and branch": (3, "cbz r0, 1f\ncbnz r0, 1f\nnop\n1: bx lr", {"m3": 1 + 3 + 3}),
    "load double": (2, "ldrd r1, r2, [r0]\nbx lr", {"m3": 3 + 3, "m4": 3 + 3}),
    "table branch": (3, "movs r1, #0\ntbb [pc, r1]\n1: .byte 2, 0, 0, 0\nbx lr", {"m3": 1 + 6 + 3, "m4": 1 + 6 + 3}),
    "load with update": (3, "ldr r1, [r0], #4\nldr r2, [r0]\nbx lr", {"m3": 4 + 3, "m4": 4 + 3}),
}
RISCV_CODE = {
    "additions": (9, "addi a1, a0, 1\n" * 8 + "ret", {"rv32ec": 8 + 2, "rv32imc": 8 + 2}),
    "loop": (22, "li a1, 10\n1: addi a1, a1, -1\nbnez a1, 1b\nret", {"rv32ec": 1 + 10 + 9 * 3 + 1 + 2}),
    "loads and stores": (5, "lw a1, 0(a0)\nlh a2, 4(a0)\nsw a1, 4(a0)\nsb a1, 1(a0)\nret", {"rv32ec": 8 + 2}),
    "call": (5, "mv t0, ra\njal 1f\njr t0\n1: nop\nret", {"rv32ec": 1 + 2 + 2 + 1 + 2}),
    "jump": (3, "j 1f\nnop\n1: srai a1, a0, 31\nret", {"rv32ec": 2 + 1 + 2}),
}
RV32M_CODE = {
    "multiply": (4, "mul a1, a0, a0\nmulh a2, a0, a0\nmulhu a2, a0, a0\nret", {"rv32imc": 1 + 2 + 2 + 2}),
    "division": (2, "divu a1, a0, a0\nret", {"rv32imc": 38 + 2}),
}
FULL_NAMES = {"m0": "cortex-m0", "m0plus": "cortex-m0plus", "m3": "cortex-m3", "m4": "cortex-m4"}

CASES = [
    (machine, name, *case)
    for machine, table in {
        "-mcpu=cortex-m0": ARM_CODE,
        "-mcpu=cortex-m4": ARM_CODE | ARMV7_CODE,
        "-march=rv32ec -mabi=ilp32e": RISCV_CODE,
        "-march=rv32imc -mabi=ilp32": RISCV_CODE | RV32M_CODE,
    }.items()
    for name, case in table.items()
]


def assemble(flags: str, functions: dict[str, str], folder: Path) -> Path:
    """An ELF with these functions, `data` that points to itself, and a stack."""
    compiler, package, *more = ARM if "cortex" in flags else RISCV
    text = ".syntax unified\n.thumb\n" if "cortex" in flags else ".option norelax\n"
    for name, code in functions.items():
        text += f".balign 4\n.global {name}\n.type {name}, %function\n{name}:\n{code}\n"
    text += ".data\n.balign 4\n.global data\ndata:\n" + ".word data\n" * 16
    text += ".bss\n.balign 16\n.skip 256\n.global tr_stack_top\ntr_stack_top:\n.skip 16\n"
    source, elf = folder / "code.S", folder / "code.elf"
    source.write_text(text)
    layout = ["-nostdlib", "-static", "-Wl,-Ttext=0x10000", "-Wl,-Tdata=0x20000", "-Wl,-e,0"]
    layout.append("-Wl,--defsym=__global_pointer$=0x20000")
    command = [require_tool(compiler, package), *more, *flags.split(), *layout, str(source), "-o", str(elf)]
    subprocess.run(command, check=True, capture_output=True)
    return elf


@pytest.mark.parametrize(
    "flags, name, instructions, code, cycles", CASES, ids=lambda value: str(value).split("\n")[0][:40]
)
def test_instructions_are_exact_and_cycles_are_the_tables(
    flags: str, name: str, instructions: int, code: str, cycles: dict[str, int], tmp_path: Path
) -> None:
    elf = assemble(flags, {"run": code}, tmp_path)
    for short, expected in cycles.items():
        head, dash, tail = short.partition("-")
        core = cores.find(FULL_NAMES.get(head, head) + dash + tail)
        figures = count_function(elf, core, "run", "data")
        assert (figures.instructions, figures.cycles_estimated) == (instructions, expected), f"{name} on {core.name}"


def test_classes_are_counted_per_instruction(tmp_path: Path) -> None:
    code = "push {r4, lr}\nldr r1, [r0]\nmuls r1, r0, r1\n1: str r1, [r0]\ncmp r1, r1\nbne 1b\npop {r4, pc}"
    figures = count_function(
        assemble("-mcpu=cortex-m0", {"run": code}, tmp_path), cores.find("cortex-m0"), "run", "data"
    )
    assert figures == Figures(7, 3 + 2 + 1 + 2 + 1 + 1 + 6, 0, multiplies=1, loads=2, stores=2, branches=2)


def test_cycles_of_requantisation_are_those_of_its_functions(tmp_path: Path) -> None:
    """Two calls of a function of that name, 1 + 3 cycles each, among 3 + (1 + 4) * 2 + 6 others."""
    codes = {"run": "push {r4, lr}\nnop\nbl tr_finish_run\nnop\nbl tr_finish_run\npop {r4, pc}"}
    codes["tr_finish_run"] = "nop\nbx lr"
    figures = count_function(assemble("-mcpu=cortex-m0", codes, tmp_path), cores.find("cortex-m0"), "run")
    assert (figures.cycles_requantising, figures.cycles_estimated) == (8, 8 + 3 + 2 * (1 + 4) + 6)


def test_a_million_rounds_are_counted_one_by_one(tmp_path: Path) -> None:
    code = "ldr r1, =1500000\n1: subs r1, #1\nbne 1b\nbx lr\n.ltorg"
    figures = count_function(assemble("-mcpu=cortex-m3", {"run": code}, tmp_path), cores.find("cortex-m3"), "run")
    assert (figures.instructions, figures.branches) == (1 + 2 * 1_500_000 + 1, 1_500_001)
    assert figures.cycles_estimated == 2 + 1_500_000 * 4 - 2 + 3


def test_straight_code_longer_than_a_page_is_counted_whole(tmp_path: Path) -> None:
    elf = assemble("-mcpu=cortex-m0", {"run": "adds r0, #1\n" * 9000 + "bx lr"}, tmp_path)
    figures = count_function(elf, cores.find("cortex-m0"), "run")
    assert (figures.instructions, figures.cycles_estimated, figures.branches) == (9001, 9003, 1)


@pytest.mark.parametrize("wait_states", [0, 1, 3])
def test_code_and_constants_wait_where_they_are_read(wait_states: int, tmp_path: Path) -> None:
    """4 words of code, and one constant behind them; a load double is two reads, here of RAM."""
    code = "ldr r1, =0x12345678\n" + "adds r0, #1\n" * 4 + "ldr r1, =data\nldrd r2, r3, [r1]\nbx lr\n.ltorg"
    elf = assemble("-mcpu=cortex-m4", {"run": code}, tmp_path)
    reads = Reads(clock_hz=1, wait_states=wait_states, width=4, manual="")
    timing = Timing(cores.find("cortex-m4"), reads, 0, count_trace.Machine(elf).symbols["data"])
    stalls = stalls_of_function(elf, timing, "run")
    assert stalls == Stalls(
        count_function(elf, timing.core, "run").cycles_estimated if wait_states else 0, 5 * wait_states, 2 * wait_states
    )


def test_a_long_run_waits_as_if_it_were_played_at_once(tmp_path: Path) -> None:
    """More events than are kept: a loop of 8 bytes in one line, whose branch reads it again each time."""
    code = "ldr r1, =1500000\n.balign 8\n1: subs r1, #1\nbne 1b\nbx lr\n.ltorg"
    elf = assemble("-mcpu=cortex-m0", {"run": code}, tmp_path)
    timing = Timing(cores.find("cortex-m0"), Reads(clock_hz=1, wait_states=2, width=8, manual=""), 0, 1 << 31)
    assert stalls_of_function(elf, timing, "run").code <= 3 * 2


MODEL = {
    "tr_model_input": "ldr r0, =data\nbx lr\n.ltorg",
    "tr_model_layer_output": "lsls r0, #2\nldr r1, =data\nadds r0, r1\nbx lr\n.ltorg",
    "tr_model_layer_bytes": "movs r0, #4\nbx lr",
    "tr_model_run_layer": "ldr r1, =data\ncmp r0, #0\nbeq 1f\nldr r2, [r1]\nadds r2, #1\nstr r2, [r1, #4]\n1: bx lr",
}


def test_layers_run_in_order_on_the_input(tmp_path: Path) -> None:
    counted = count(assemble("-mcpu=cortex-m0", MODEL, tmp_path), cores.find("cortex-m0"), [b"\x07\0\0\0"], 2)
    assert counted.outputs == (b"\x07\0\0\0", b"\x08\0\0\0")
    assert [layer.instructions for layer in counted.layers] == [4, 7]
    assert (counted.total.instructions, counted.total.loads, counted.total.stores) == (11, 3, 1)


def test_a_fault_tells_where(tmp_path: Path) -> None:
    elf = assemble("-mcpu=cortex-m0", {"run": "movs r0, #0\nldr r0, [r0]\nbx lr"}, tmp_path)
    with pytest.raises(DeviceError, match=r"run\(0\) stopped at 0x1000"):
        count_function(elf, cores.find("cortex-m0"), "run")


def test_a_core_counts_only_its_own_code(tmp_path: Path) -> None:
    elf = assemble("-mcpu=cortex-m0", {"run": "bx lr"}, tmp_path)
    with pytest.raises(UsageError, match="rv32ec does not run arm code"):
        count_function(elf, cores.find("rv32ec"), "run")


def test_a_missing_function_and_an_unknown_core_are_named(tmp_path: Path) -> None:
    elf = assemble("-mcpu=cortex-m0", {"run": "bx lr"}, tmp_path)
    with pytest.raises(UsageError, match="no function walk"):
        count_function(elf, cores.find("cortex-m0"), "walk")
    with pytest.raises(UsageError, match="did you mean cortex-m4"):
        cores.find("cortex-m44")


def test_without_unicorn_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "unicorn", None)
    with pytest.raises(ToolMissingError, match=r"unicorn.*pip install 'edge-tr\[bench\]'"):
        count_trace.require("unicorn")


@pytest.mark.parametrize("core", cores.CORES.values(), ids=lambda core: core.name)
def test_every_core_names_its_manual_and_costs_every_kind_it_has_at_least_a_cycle(core: cores.Core) -> None:
    assert core.source.startswith("no table") == (core.cycles is None)
    assert all(cycles >= 1 for cycles in (core.cycles or {}).values())


def test_without_a_table_an_instruction_is_an_instruction(tmp_path: Path) -> None:
    elf = assemble(
        "-mcpu=cortex-m33",
        {"run": "push {r4-r7, lr}\nudiv r1, r0, r0\ncmp r0, r0\nbne 1f\n1: pop {r4-r7, pc}"},
        tmp_path,
    )
    figures = count_function(elf, cores.find("cortex-m33"), "run")
    assert figures.instructions == figures.cycles_estimated == 5
