"""The stack bound on small programs whose depth is known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_tr.target.count_stack import worst_case
from edge_tr.target.tools import require_tool

ARM = ("arm-none-eabi-gcc", "gcc-arm-none-eabi", "-mthumb", "-mcpu=cortex-m0")
RISCV = ("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf", "-march=rv32ec", "-mabi=ilp32e")
LEAF = "__attribute__((noinline)) static int leaf(volatile int *x) { volatile int a[8]; a[*x & 7] = 1; return a[0]; }\n"
HOPS = LEAF + (
    "__attribute__((noinline)) static int hop(volatile int *x) { return leaf(x) + *x; }\n"
    "int start(volatile int *x) { return hop(x) + leaf(x) + *x; }\n"
)
POINTED = LEAF + (
    "__attribute__((noinline)) static int deep(volatile int *x)\n"
    "{ volatile int a[50]; a[*x & 31] = leaf(x); return a[1]; }\n"
    "int (*const table[])(volatile int *) = {leaf, deep};\n"
    "int start(volatile int *x) { return table[*x](x) + *x; }\n"
)
RECURSIVE = "__attribute__((noinline)) int start(volatile int *x) { return *x ? (start(x + 1) ^ *x) + 1 : *x; }\n"


def link(compiler: tuple[str, ...], code: str, folder: Path, *flags: str) -> Path:
    """An ELF whose entry is `start`, its .su files in `folder`."""
    tool, package, *machine = compiler
    source, elf = folder / "code.c", folder / "code.elf"
    source.write_text(code)
    gcc = [require_tool(tool, package), *machine, "-O2", *flags]
    done = subprocess.run([*gcc, "-c", str(source), "-o", str(folder / "firmware-00-code.o")], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    layout = ["-nostdlib", "-static", "-Wl,-e,start", "-Wl,-Ttext=0x10000", "-Wl,--defsym=TR_FLASH_ORIGIN=0"]
    subprocess.run([*gcc, *layout, str(folder / "firmware-00-code.o"), "-o", str(elf)], check=True, capture_output=True)
    return elf


def compiler_says(folder: Path, *path: str) -> int:
    """Frames of these functions, added, from the .su files."""
    lines = [line.split("\t") for file in folder.glob("*.su") for line in file.read_text().splitlines()]
    frames = {place.rpartition(":")[2]: int(size) for place, size, _ in lines}
    return sum(frames[name] for name in path)


@pytest.mark.parametrize("compiler", [ARM, RISCV], ids=["arm", "riscv"])
@pytest.mark.parametrize("code, path", [(HOPS, ("start", "hop", "leaf")), (POINTED, ("start", "deep", "leaf"))])
def test_frames_read_from_instructions_add_up_to_the_compilers(compiler, code: str, path, tmp_path: Path) -> None:
    elf = link(compiler, code, tmp_path, "-fstack-usage")
    (tmp_path / "none").mkdir()
    from_code, from_compiler = worst_case(elf, tmp_path / "none"), worst_case(elf, tmp_path)
    assert from_code == from_compiler
    assert (from_code.bytes, from_code.note) == (compiler_says(tmp_path, *path), " > ".join(path))


@pytest.mark.parametrize("compiler", [ARM, RISCV], ids=["arm", "riscv"])
def test_recursion_has_no_bound(compiler, tmp_path: Path) -> None:
    stack = worst_case(link(compiler, RECURSIVE, tmp_path, "-fno-optimize-sibling-calls"), tmp_path)
    assert stack.bytes is None and stack.note == "start may call itself through start"


def test_a_frame_of_variable_size_has_no_bound(tmp_path: Path) -> None:
    code = "int use(int *); int start(int n) { int a[n]; a[0] = n; return use(a); }\nint use(int *a) { return a[0]; }\n"
    for number, flags in enumerate([("-fstack-usage",), ()]):
        folder = tmp_path / str(number)
        folder.mkdir()
        stack = worst_case(link(ARM, code, folder, "-fno-inline", *flags), folder)
        assert stack.bytes is None and "start" in stack.note


FAR = POINTED.partition("int (*const")[0].replace("static int deep", 'int __attribute__((section(".far"))) deep')
FAR += "int start(volatile int *x) { return deep(x) + *x; }\n"


def test_a_call_through_the_linkers_veneer_is_a_call(tmp_path: Path) -> None:
    """From flash to code in RAM and back: each way has its veneer, of four bytes."""
    elf = link(ARM, FAR, tmp_path, "-fstack-usage", "-Wl,--section-start=.far=0x20000000")
    found = worst_case(elf, tmp_path)
    assert found.note == "start > __deep_veneer > deep > __leaf_veneer > leaf"
    assert found.bytes == compiler_says(tmp_path, "start", "deep", "leaf") + 2 * 4


def test_a_bound_can_begin_at_another_function(tmp_path: Path) -> None:
    found = worst_case(link(ARM, HOPS, tmp_path, "-fstack-usage"), tmp_path, "hop")
    assert (found.bytes, found.note) == (compiler_says(tmp_path, "hop", "leaf"), "hop > leaf")


def test_a_large_frame_needs_the_compilers_word_on_cortex_m0(tmp_path: Path) -> None:
    code = "int start(volatile int *x) { volatile int a[1000]; a[*x] = 1; return a[0]; }\n"
    elf = link(ARM, code, tmp_path, "-fstack-usage")
    assert worst_case(elf, tmp_path / "none").bytes is None
    assert 4000 <= (worst_case(elf, tmp_path).bytes or 0) < 4100


def test_words_of_a_weight_table_are_no_addresses(tmp_path: Path) -> None:
    """Eighty thousand weights hold every pattern of four bytes sooner or later."""
    code = POINTED.replace("= {leaf, deep};", "= {leaf, leaf};\nint (*const conv_table[])(volatile int *) = {deep};")
    found = worst_case(link(ARM, code, tmp_path, "-fstack-usage"), tmp_path)
    assert (found.bytes, found.note) == (compiler_says(tmp_path, "start", "leaf"), "start > leaf")
