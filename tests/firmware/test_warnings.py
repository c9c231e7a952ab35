"""The firmware under every compiler it is built with: no warning, and no symbol that a bare board does not have."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.kernels.machines import isa_of
from edge_tr.target import toolchain
from tests.firmware.harness_build import FIRMWARE, WARNINGS, command, write_tree
from tests.firmware.harness_models import lower_with, random_network

CORES = {
    "host": ("", ()),
    "cortex-m0": ("arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb")),
    "cortex-m23": ("arm-none-eabi-", ("-mcpu=cortex-m23", "-mthumb")),
    "cortex-m3": ("arm-none-eabi-", ("-mcpu=cortex-m3", "-mthumb")),
    "cortex-m4": ("arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb")),
    "rv32ec": ("riscv64-unknown-elf-", ("-march=rv32ec", "-mabi=ilp32e")),
    "rv32imc": ("riscv64-unknown-elf-", ("-march=rv32imc", "-mabi=ilp32")),
}
FREESTANDING = ("-ffreestanding", "-fno-common")
OURS = re.compile(r"tr_|(depthwise_)?conv_2d_\d+_code\d*$")  # the latter: generated code of a layer
LINKERS = {"tr_model_start", "tr_model_end"}  # of boards/common/*.ld; weak, since users have their own
GIVEN = {"memcpy", "memset", "memmove", "memcmp"}  # firmware/src/tr_string.c
INTEGER_HELPERS = {  # of libgcc; none of them is soft floating point
    "__aeabi_lmul",
    "__aeabi_idiv",
    "__aeabi_idivmod",
    "__aeabi_uidiv",
    "__aeabi_uidivmod",
    "__aeabi_llsl",
    "__aeabi_llsr",
    "__aeabi_lasr",
    "__gnu_thumb1_case_uqi",
    "__gnu_thumb1_case_uhi",
    "__gnu_thumb1_case_sqi",
    "__gnu_thumb1_case_shi",
    "__gnu_thumb1_case_si",
    "__mulsi3",
    "__muldi3",
    "__divsi3",
    "__modsi3",
    "__udivsi3",
    "__umodsi3",
    "__ashldi3",
    "__ashrdi3",
    "__lshrdi3",
    "__aeabi_ldivmod",
    "__divdi3",
}
OF_FLOATS = "tr_resize_bilinear_unsigned.o"
"""The one function whose reference computes in floats."""
FLOAT_HELPERS = {
    *("__aeabi_f2iz", "__aeabi_fadd", "__aeabi_fmul", "__aeabi_i2f"),
    *("__fixsfsi", "__addsf3", "__mulsf3", "__floatsisf"),
}


@pytest.fixture(scope="module", params=CORES)
def objects(request, tmp_path_factory):
    """(prefix of the tools, object files): runtime, application and a model with every operator, compiled for a
    core without a warning, its code generated for that core's instruction set."""
    prefix, flags = CORES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    graph = parse(random_network(np.random.default_rng(0)))
    program = lower_with(graph, "pairs", "g=8,k=4", isa_of(request.param))
    tree = write_tree(program, folder / "tree", "some-board", "all operators.tflite")
    sources = sorted(path for path in tree.rglob("*.*") if path.suffix in (".c", ".S"))
    assert {path.name for path in sources} > {path.name for path in FIRMWARE.rglob("src/*.c")}
    includes = [f"-I{tree / part}" for part in ("include", "model", "app")]
    everything = (*flags, *FREESTANDING, "-O2", *WARNINGS, "-Wshadow", *includes)
    assert command(f"{prefix}gcc", *everything, "-c", *sources, cwd=folder) == ""
    found = sorted(folder.glob("*.o"))
    assert len(found) == len(sources)
    return prefix, found


def symbols(prefix: str, files: list, *options: str) -> dict[str, set[str]]:
    """Object name -> symbols that `nm` lists."""
    listed: dict[str, set[str]] = {}
    for line in command(f"{prefix}nm", "-A", *options, *files).splitlines():
        place, *_, name = line.split()
        listed.setdefault(place.split(":")[0].rsplit("/", 1)[-1], set()).add(name)
    return listed


def test_no_object_needs_a_symbol_that_is_not_ours_or_an_integer_helper(objects):
    needed = symbols(*objects, "--undefined-only")
    for name, wanted in needed.items():
        helpers = INTEGER_HELPERS | (FLOAT_HELPERS if name == OF_FLOATS else set())
        strangers = {symbol for symbol in wanted if not OURS.match(symbol)} - GIVEN - helpers
        assert strangers - {"_GLOBAL_OFFSET_TABLE_"} == set(), name
    assert any(symbol.startswith("tr_conv_2d") for wanted in needed.values() for symbol in wanted)


def test_every_function_that_is_called_is_defined_by_an_object_or_the_board(objects):
    defined = set().union(*symbols(*objects, "--defined-only").values())
    needed = {s for wanted in symbols(*objects, "--undefined-only").values() for s in wanted if s.startswith("tr_")}
    assert all(symbol.startswith("tr_board_") for symbol in needed - defined - LINKERS)
    assert defined >= GIVEN


def test_names_visible_to_the_linker_are_ours(objects):
    """So that a model can be linked into any application."""
    visible = set().union(*symbols(*objects, "--defined-only", "--extern-only").values())
    assert {name for name in visible if not OURS.match(name)} == GIVEN | {"main"}


def test_no_object_has_data_that_a_constructor_or_heap_would_need(objects):
    prefix, files = objects
    sections = command(f"{prefix}objdump", "-h", *files)
    assert ".text" in sections
    assert not any(section in sections for section in (".init_array", ".ctors", ".tdata", ".tbss"))


def test_the_toolchain_builds_with_the_same_warnings():
    assert ("-std=c11", *toolchain.WARNINGS) == WARNINGS


def test_sources_include_only_the_headers_that_a_freestanding_compiler_has():
    """What stands behind __STDC_HOSTED__ aside, and nanopb's own files, which take theirs from tr_nanopb.h."""
    allowed = {"<stdint.h>", "<arm_acle.h>", "<stdbool.h>", "<stddef.h>"}
    paths = [path for path in sorted(FIRMWARE.rglob("*.[ch]")) if path.parent.name != "nanopb"]
    assert len(paths) > 50
    for path in paths:
        text = re.sub(r"^#if __STDC_HOSTED__$.*?^#else$", "", path.read_text(), flags=re.M | re.S)
        includes = {line.split()[1] for line in text.splitlines() if line.startswith("#include <")}
        if path.name == "tr_nanopb.h":
            includes -= {"<limits.h>"}  # a freestanding compiler has it, too
        assert includes <= allowed, path.name
