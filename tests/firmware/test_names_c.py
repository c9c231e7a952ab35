"""Models with names in one program: nothing clashes, C++ takes the headers, and no compiler warns."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edge_tr.codegen.naming import DEFAULT, Naming, named
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.lower.program import Program
from tests.firmware.harness_build import FIRMWARE, SANITIZED, WARNINGS, command, compile_runtime, run_c, write_tree
from tests.firmware.harness_models import as_bytes, lower_levels, lower_with, random_network, samples

SHADOW = (*WARNINGS, "-Wshadow")
ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
TWO_MODELS = """\
#include <cstdio>
#include "first.h"
#include "second.h"

/* One sample of each, the one after the other. */
int main()
{
    while (std::fread(first_input(), 1, FIRST_INPUT_BYTES, stdin) == FIRST_INPUT_BYTES &&
           std::fread(second_input(), 1, SECOND_INPUT_BYTES, stdin) == SECOND_INPUT_BYTES) {
        first_set_level(0u);
        first_invoke();
        second_invoke();
        std::fwrite(first_output(), 1, FIRST_OUTPUT_BYTES, stdout);
        std::fwrite(second_output(), 1, SECOND_OUTPUT_BYTES, stdout);
    }
    return first_verify() && second_verify() ? 0 : 1;
}
"""


def network(seed: int):
    return parse(random_network(np.random.default_rng(seed)))


def sources(tree: Path, *suffixes: str) -> list[Path]:
    return [path for path in sorted((tree / "model").iterdir()) if path.suffix in suffixes]


def includes(*trees: Path) -> list[str]:
    return [f"-I{tree / 'model'}" for tree in trees] + [f"-I{FIRMWARE / 'include'}"]


def test_two_models_in_one_cpp_program_share_one_runtime_and_give_both_goldens(tmp_path: Path) -> None:
    """Of one, generated code; of the other, several budgets, the lowest of which counts."""
    graphs = network(1), network(2)
    programs = lower_levels(graphs[0], "g=8,k=3; lossless"), lower_with(graphs[1], "pairs", "lossless")
    names = named("first"), named("second")
    trees = [write_tree(p, tmp_path / n.prefix, naming=n) for p, n in zip(programs, names)]
    runtime, main = compile_runtime(tmp_path), tmp_path / "main.cpp"
    main.write_text(TWO_MODELS)
    objects = [path for tree in trees for path in sources(tree, ".c")]
    command("gcc", *SHADOW, *SANITIZED, *includes(*trees), "-c", *objects, cwd=tmp_path)
    compiled = [tmp_path / f"{path.stem}.o" for path in objects]
    flags = ("-std=c++11", *SHADOW[1:], *SANITIZED, *includes(*trees))
    command("g++", *flags, main, *compiled, runtime, "-o", tmp_path / "program")
    xs = [samples(graph, np.random.default_rng(3)) for graph in graphs]
    given = b"".join(one.tobytes() + other.tobytes() for one, other in zip(*xs))
    assert run_c(tmp_path / "program", given) == b"".join(itertools.chain(*zip(*map(golden, graphs, programs, xs))))


def golden(graph, program: Program, x: np.ndarray) -> list[bytes]:
    """Of each sample with the lowest budget."""
    outputs = run(graph, x, weights=program.levels[0].revealed).outputs
    return [as_bytes({0: outputs[graph.outputs[0]][n : n + 1]}, [0]) for n in range(len(x))]


@pytest.mark.parametrize(
    ("isa", "prefix", "flags"),
    [
        ("c", "", ()),
        ("armv6-m", ARM, ("-mcpu=cortex-m0", "-mthumb")),
        ("armv7e-m", ARM, ("-mcpu=cortex-m4", "-mthumb")),
        ("rv32", RISCV, ("-march=rv32imc", "-mabi=ilp32")),
    ],
)
def test_every_name_that_the_linker_sees_begins_with_the_models(
    isa: str, prefix: str, flags: tuple, tmp_path: Path
) -> None:
    tree = write_tree(lower_with(network(1), "pairs", "lossless", isa), tmp_path / "tree", naming=named("kws"))
    files = sources(tree, ".c", ".S")
    assert {path.name[:3] for path in files} == {"kws"}
    command(f"{prefix}gcc", *flags, "-ffreestanding", *SHADOW, *includes(tree), "-c", *files, cwd=tmp_path)
    listed = command(f"{prefix}nm", "-A", "-g", "--defined-only", *sorted(tmp_path.glob("*.o")))
    found = {line.split()[-1] for line in listed.splitlines()}
    assert {"kws_invoke", "kws_sha256"} < found and all(name.startswith("kws_") for name in found), found
    assert any(name.endswith("_code") for name in found)


@pytest.mark.parametrize("naming", [DEFAULT, named("kws")], ids=lambda naming: naming.prefix)
@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
def test_every_cpp_compiler_takes_the_header(standard: str, naming: Naming, tmp_path: Path) -> None:
    tree = write_tree(lower_levels(network(1), "g=8,k=3; lossless"), tmp_path, naming=naming)
    source = tmp_path / "source.cpp"
    source.write_text(f'#include "{naming.stem}.h"\nint main() {{ {naming.prefix}_invoke(); return 0; }}\n')
    for compiler in ("g++", "clang++", f"{ARM}g++", f"{RISCV}g++"):
        flags = (f"-std={standard}", *SHADOW[1:], *includes(tree), "-ffreestanding")
        command(compiler, *flags, "-c", source, "-o", tmp_path / "source.o")
        assert f" U {naming.prefix}_invoke" in command("nm", tmp_path / "source.o")


@pytest.mark.parametrize(
    ("isa", "flags"),
    [
        ("c", ()),
        ("armv6-m", ("--target=arm-none-eabi", "-mcpu=cortex-m0", "-mthumb")),
        ("armv7e-m", ("--target=arm-none-eabi", "-mcpu=cortex-m4", "-mthumb")),
        ("rv32", ("--target=riscv32-none-elf", "-march=rv32imc", "-mabi=ilp32")),
    ],
)
def test_clang_compiles_runtime_model_and_server_without_a_warning(isa: str, flags: tuple, tmp_path: Path) -> None:
    """GCC's are in test_warnings.py."""
    tree = write_tree(lower_with(network(0), "pairs", "g=8,k=4", isa), tmp_path, naming=named("kws"))
    code = {kind: sorted(tree.rglob(f"*{kind}")) for kind in (".c", ".S")}
    assert any(path.parent.name == "model" for path in code[".S"]) == (isa != "c")
    folders = [f"-I{tree / part}" for part in ("include", "model", "app")]
    command("clang", *flags, "-ffreestanding", *SHADOW, *folders, "-fsyntax-only", *code[".c"])
    command("clang", *flags, *folders, "-c", *code[".S"], cwd=tmp_path)
