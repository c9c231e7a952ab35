"""Generated models as programs for emulated cores: the runtime compiled once a core, then a model a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.golden.ends import Given
from edge_tr.lower.program import Program
from edge_tr.target.count_trace import Machine
from tests.firmware.harness_build import FIRMWARE, WARNINGS, command, write_tree

LINKER_SCRIPT = """
SECTIONS {
    . = 0x10000;
    .text : { *(.text*) *(.rodata*) *(.srodata*) }
    . = 0x400000;
    .data : { *(.data*) *(.sdata*) }
    __global_pointer$ = . + 0x800;
    .bss : { *(.bss*) *(.sbss*) *(COMMON) }
    .stack (NOLOAD) : { . = ALIGN(16); . += 0x4000; tr_stack_top = .; }
}
"""


@dataclass(frozen=True)
class Target:
    """A core: its compiler and flags, and the instruction set that code is generated for."""

    isa: str
    prefix: str
    flags: tuple[str, ...]


ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
TARGETS = {
    "cortex-m0": Target("armv6-m", ARM, ("-mcpu=cortex-m0", "-mthumb")),
    "cortex-m3": Target("armv7-m", ARM, ("-mcpu=cortex-m3", "-mthumb")),
    "cortex-m4": Target("armv7e-m", ARM, ("-mcpu=cortex-m4", "-mthumb")),
    "rv32ec": Target("rv32e", RISCV, ("-march=rv32ec", "-mabi=ilp32e")),
    "rv32imc": Target("rv32", RISCV, ("-march=rv32imc", "-mabi=ilp32")),
}
NEWER_TARGETS = {
    "cortex-m23": Target("armv6-m", ARM, ("-mcpu=cortex-m23", "-mthumb")),
    "cortex-m33+nodsp": Target("armv7-m", ARM, ("-mcpu=cortex-m33+nodsp", "-mthumb", "-mfloat-abi=soft")),
    "cortex-m55": Target("armv7e-m", ARM, ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=soft")),
}
"""Cores that run another's code with a compiler that knows more instructions."""


def compile_runtime_for(target: Target, folder: Path) -> Path:
    """firmware/src for one core, as a library."""
    sources = sorted((FIRMWARE / "src").glob("*.[cS]"))
    gcc = f"{target.prefix}gcc"
    freestanding = ("-O2", "-ffreestanding", "-ffunction-sections")
    command(gcc, *target.flags, *freestanding, f"-I{FIRMWARE / 'include'}", "-c", *sources, cwd=folder)
    library = folder / "runtime.a"
    command(f"{target.prefix}ar", "rcs", library, *sorted(folder.glob("*.o")))
    return library


def link_model(target: Target, program: Program, runtime: Path, folder: Path) -> Path:
    """The program of a model, to be entered at its functions."""
    tree = write_tree(program, folder)
    sources = [path for path in sorted((tree / "model").iterdir()) if path.suffix in (".c", ".S")]
    includes = [tree / part for part in ("model", "include", "app")]
    return link(target, sources, includes, runtime, folder, "tr_model_invoke")


def link(
    target: Target, sources: Iterable[Path], includes: Iterable[Path], runtime: Path, folder: Path, entry: str
) -> Path:
    """A program without start-up code."""
    script = folder / "link.ld"
    script.write_text(LINKER_SCRIPT, encoding="utf-8")
    options = ("-O2", "-ffreestanding", *WARNINGS, "-nostdlib", "-nostartfiles", f"-Wl,-e,{entry}", f"-T{script}")
    elf = folder / "program.elf"
    folders = [f"-I{include}" for include in includes]
    command(f"{target.prefix}gcc", *target.flags, *options, *folders, *sources, runtime, "-lgcc", "-o", elf)
    return elf


def run_model(program_file: Path | Machine, program: Program, x: Given, prefix: str = "") -> bytes:
    """Every layer's tensor and then the outputs of every sample, from the reset state, as harness_model.c has them.
    `prefix`: of the model's functions, where there are several in the program."""
    machine = program_file if isinstance(program_file, Machine) else Machine(program_file)
    answers = []
    given = {program.inputs[0].index: x} if isinstance(x, np.ndarray) else x
    start = program.offset(program.inputs[0].index)

    def call(function: str, argument: int = 0) -> int:
        return machine.call(f"{prefix}tr_model_{function}", argument)

    for number in range(len(given[program.inputs[0].index])):
        for level in range(len(program.levels)):
            call("set_level", level)
            call("reset")
            arena = call("input") - start
            for tensor in program.inputs:
                machine.write(arena + program.offset(tensor.index), given[tensor.index][number].tobytes())
            for layer in range(len(program.layers)):
                call("run_layer", layer)
                size = call("layer_bytes", layer)
                answers.append(machine.read(call("layer_output", layer), size))
            answers += [machine.read(arena + program.offset(output.index), output.bytes) for output in program.outputs]
    return b"".join(answers)
