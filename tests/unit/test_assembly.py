"""Emitted machine code, run on an emulated core, computes what the interpreter of its program computes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import unicorn
from unicorn import arm_const, riscv_const

from edge_tr.codegen.assembly import EMITTERS
from edge_tr.kernels.generated import Sweep
from edge_tr.kernels.machines import MACHINES, SWEEPING
from edge_tr.kernels.straightline import interpret, plan
from edge_tr.target.tools import require_tool
from edge_tr.tr.reveal import reveal

CODE, DATA, STACK, STOP = 0x10000, 0x200000, 0x400000, 0xF000
DATA_BYTES = 1 << 20
COMPILERS = {
    "armv6-m": ("arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb")),
    "armv7-m": ("arm-none-eabi-", ("-mcpu=cortex-m3", "-mthumb")),
    "rv32": ("riscv64-unknown-elf-", ("-march=rv32emc", "-mabi=ilp32e")),
}


def assembled(isa: str, source: str, folder: Path) -> bytes:
    """Machine code of one function, to lie at CODE."""
    prefix, flags = COMPILERS[isa]
    path = folder / "code.S"
    path.write_text(EMITTERS[isa].file([source], "test"), encoding="utf-8")
    gcc, objcopy = (require_tool(f"{prefix}{tool}", f"gcc-{prefix.strip('-')}") for tool in ("gcc", "objcopy"))
    link = ["-nostdlib", "-nostartfiles", f"-Wl,-Ttext={CODE:#x}", "-Wl,--no-relax", "-Wl,-e,code"]
    link = [flag for flag in link if prefix.startswith("riscv") or flag != "-Wl,--no-relax"]
    subprocess.run([gcc, *flags, *link, str(path), "-o", str(folder / "code.elf")], check=True)
    copy = [objcopy, "-O", "binary", "-j", ".text", str(folder / "code.elf"), str(folder / "code.bin")]
    subprocess.run(copy, check=True)
    return (folder / "code.bin").read_bytes()


class Core:
    """A core with the code loaded; saved registers must come back."""

    def __init__(self, isa: str, code: bytes) -> None:
        if isa == "rv32":
            self.core = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self.registers = [getattr(riscv_const, f"UC_RISCV_REG_{n}") for n in ("A0", "A1", "RA", "SP", "S0", "S1")]
        else:
            self.core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
            names = ("R0", "R1", "LR", "SP", *(f"R{n}" for n in range(4, 12)))
            self.registers = [getattr(arm_const, f"UC_ARM_REG_{n}") for n in names]
        self.thumb = int(isa != "rv32")
        for start, size in ((STOP, 0x1000), (CODE, 1 << 19), (DATA, DATA_BYTES), (STACK - 0x1000, 0x2000)):
            self.core.mem_map(start, size)
        self.core.mem_write(CODE, code)

    def call(self, words: np.ndarray, sums: int) -> tuple[np.ndarray, np.ndarray]:
        """(words afterwards, int32 [sums]) of code(words, sums)."""
        at_sums = DATA + DATA_BYTES // 2
        values = [DATA, at_sums, STOP | self.thumb, STACK, *(0x5A000 + n for n in range(len(self.registers) - 4))]
        self.core.mem_write(DATA, words.astype("<u4").tobytes())
        for register, value in zip(self.registers, values):
            self.core.reg_write(register, value)
        self.core.emu_start(CODE | self.thumb, STOP)
        assert [self.core.reg_read(register) for register in self.registers[3:]] == values[3:]
        memory = self.core.mem_read(DATA, 4 * len(words)), self.core.mem_read(at_sums, 4 * sums)
        return tuple(np.frombuffer(bytes(part), "<i4") for part in memory)


def packed(pairs: np.ndarray) -> np.ndarray:
    """uint32 of x0 + (x1 << 16)."""
    return ((pairs[0].astype(np.int64) + (pairs[1].astype(np.int64) << 16)) & 0xFFFFFFFF).astype(np.uint32)


@pytest.mark.parametrize("isa", COMPILERS)
@pytest.mark.parametrize(("rows", "depth"), [(1, 1), (3, 40), (23, 70), (64, 33), (5, 1200), (300, 8)])
def test_functions_compute_all_rows(isa, rows, depth, tmp_path):
    rng = np.random.default_rng([rows, depth])
    weights = (rng.integers(-128, 128, (rows, depth)) * (rng.random((rows, depth)) < 0.8)).astype(np.int8)
    weights[rows // 2] = 0
    program = plan(reveal(weights, 8, None).term_arrays(), rows, depth, 128, MACHINES[isa])
    core = Core(isa, assembled(isa, EMITTERS[isa].function("code", program), tmp_path))
    for pairs in (rng.integers(-128, 128, (2, depth)), np.full((2, depth), -128), np.full((2, depth), 127)):
        words, sums = core.call(packed(pairs), 2 * rows)
        assert np.array_equal(sums.reshape(rows, 2), weights.astype(np.int64) @ pairs.T)
        assert np.array_equal(sums.reshape(rows, 2), interpret(program, packed(pairs)))
        assert np.array_equal(words.view(np.uint32), packed(pairs))


SWEEPS = [
    (7, Sweep(5, 1, 13, 7, 15 * 7)),
    (3, Sweep(1, 1, 1, 3, 9)),
    (60, Sweep(4, 2, 3, 2 * 60, 420)),
    (302, Sweep(300, 1, 2, 302, 4 * 302)),
]
"""With the words of a row."""


@pytest.mark.parametrize("isa", COMPILERS)
@pytest.mark.parametrize("machines", [MACHINES, SWEEPING], ids=["terms", "products"])
@pytest.mark.parametrize(("pitch", "sweep"), SWEEPS, ids=str)
def test_sweeps_leave_each_windows_sums_at_its_corner(isa, machines, pitch, sweep, tmp_path):
    rng = np.random.default_rng(sweep.columns)
    taps = np.array([ky * pitch + kx for ky in range(3) for kx in range(3)])
    weights = rng.integers(-128, 128, (1, 9)).astype(np.int8)
    terms = reveal(weights, 8, None).term_arrays()
    program = plan(terms._replace(element=taps[terms.element]), 1, int(taps[-1]) + 1, 128, machines[isa])
    core = Core(isa, assembled(isa, EMITTERS[isa].sweep("code", program, sweep), tmp_path))
    pairs = rng.integers(-128, 128, (2, 2 * sweep.apart))
    words, _ = core.call(packed(pairs), 1)
    for row in range(sweep.rows):
        for column in range(sweep.columns):
            corner = row * sweep.row_step + column * sweep.step
            expected = weights[0].astype(np.int64) @ pairs[:, corner + taps].T
            assert [words[corner], words[corner + sweep.apart]] == expected.tolist()
