"""Code generation: the same program gives the same bytes, numbers read back, hostile names stay in comments."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from edge_tr.codegen import mcu, text
from edge_tr.formats import term_table
from edge_tr.formats.image import board_id
from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import WARNINGS, command, write_tree
from tests.firmware.harness_models import lower_with, random_network


@pytest.fixture(scope="module")
def program():
    return lower_with(parse(random_network(np.random.default_rng(1))), "planes", "g=8,k=4,s=2")


@pytest.fixture(scope="module")
def tree(program):
    return mcu.source_tree(program, "some-board", "model.tflite")


# --- literals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "literal"), [(0, "0"), (-5, "-5"), (2147483647, "2147483647"), (-(1 << 31), "INT32_MIN")]
)
def test_integers(value, literal):
    assert text.integer(value) == text.integer(np.int64(value)) == literal


def test_floats_read_back_as_the_same_float32():
    rng = np.random.default_rng(2)
    values = rng.integers(1, 0x7F800000, 2000, np.uint32).view(np.float32)
    for value in [*values, np.float32(1), np.float32(1 / 256), np.float32(1e-5)]:
        literal = text.float_literal(value)
        assert re.fullmatch(r"[\d.]+(e[+-]\d+)?f", literal) and ("." in literal or "e" in literal)
        assert np.float32(float(literal[:-1])) == value


def test_array_bodies_wrap_and_read_back():
    values = np.arange(-300, 300)
    body = text.signed(values)
    assert [int(v) for v in body.replace(",", " ").split()] == values.tolist()
    assert max(map(len, body.split("\n"))) <= 102 and body.startswith("    -300,")
    data = np.random.default_rng(3).bytes(64)
    words = [int(w.rstrip("u,"), 16) for w in text.words(data).split()]
    assert np.array(words, "<u4").tobytes() == data
    assert bytes(int(b.rstrip(","), 16) for b in text.octets(data).split()) == data
    assert text.body([]) == ""


HOSTILE = [
    "*/ int x; /*",
    "/* /* */",
    "a\nb\r\x00",
    "\\",
    "??/",
    "\u202e\u2066",
    "/*/",
    "**//**",
    'q"%s{{ 1 }}',
    "é漢",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_ends_a_comment(name):
    shown = text.comment(name)
    assert "*/" not in shown and "/*" not in shown and "\n" not in shown and "\\" not in shown
    assert all(character.isprintable() for character in shown)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_string_literal_of_its_bytes(name, tmp_path):
    source = tmp_path / "name.c"
    source.write_text(f"#include <stdio.h>\nint main(void) {{ return fputs({text.string(name)}, stdout) < 0; }}\n")
    command("gcc", *WARNINGS, "-trigraphs", source, "-o", tmp_path / "name")
    assert command(tmp_path / "name").encode().split(b"\0")[0] == name.encode().replace(b"\r", b"\n").split(b"\0")[0]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_model_with_hostile_names_compiles_without_a_warning(name, program, tmp_path):
    renamed = dataclasses.replace(
        program,
        inputs=(dataclasses.replace(program.inputs[0], name=name),),
        outputs=(dataclasses.replace(program.outputs[0], name=name),),
    )
    tree = write_tree(renamed, tmp_path, "some-board", name)
    includes = [f"-I{tree / part}" for part in ("include", "model")]
    assert command("gcc", *WARNINGS, *includes, "-fsyntax-only", tree / "model" / "model.c") == ""


# --- trees ------------------------------------------------------------------------------------


def test_the_same_program_gives_the_same_bytes(program, tree):
    again = lower_with(parse(random_network(np.random.default_rng(1))), "planes", "g=8,k=4,s=2")
    assert mcu.source_tree(again, "some-board", "model.tflite") == tree
    assert list(tree) == sorted(tree)


@pytest.mark.parametrize("isa", ["c", "armv6-m", "armv7e-m", "rv32e"])
def test_every_generated_function_has_the_prefix_of_the_runtime(isa):
    program = lower_with(parse(random_network(np.random.default_rng(1))), "pairs", "lossless", isa)
    tree = mcu.source_tree(program, "some-board", "model.tflite")
    code = "\n".join(source.decode() for path, source in tree.items() if re.fullmatch(r"model/\w+_2d_\d+\.[cS]", path))
    names = re.findall(r"^ *\.global (\w+)$|^void (\w+)\(", code, re.MULTILINE)
    assert names and all((arm or c).startswith("tr_") for arm, c in names)


def test_a_tree_has_no_date_and_no_absolute_path(tree):
    for path, data in tree.items():
        assert not path.startswith("/") and ".." not in path
        assert not re.search(rb"\b20[2-9]\d-[01]\d|/(home|root|usr|tmp|work)/", data), path


def test_the_build_id_names_sources_and_board(program, tree):
    ids = {mcu.build_id(tree, board) for board in ("some-board", "other-board")}
    assert len(ids) == 2 and all(0 <= number < 1 << 64 for number in ids)
    identity = tree[mcu.identity_of()].decode()
    assert f"TR_MODEL_BUILD_ID {mcu.build_id(tree, 'some-board'):#x}u" in identity
    assert f"TR_MODEL_BOARD_ID {board_id('some-board'):#x}u" in identity
    for path in tree:
        changed = {**tree, path: tree[path] + b" "}
        is_same = mcu.build_id(changed, "some-board") == mcu.build_id(tree, "some-board")
        assert is_same == (path == mcu.identity_of())


def test_the_build_id_changes_with_budget_and_model(tree):
    others = [(1, "g=8,k=5,s=2"), (2, "g=8,k=4,s=2")]
    graphs = [(parse(random_network(np.random.default_rng(seed))), budget) for seed, budget in others]
    trees = [mcu.source_tree(lower_with(graph, "planes", budget), "some-board", "m") for graph, budget in graphs]
    assert len({mcu.build_id(t, "some-board") for t in (tree, *trees)}) == 3


def test_tables_in_the_source_are_the_programs(program, tree):
    source = tree["model/model.c"].decode()
    for layer in program.layers:
        if layer.dot is not None:
            found = re.search(rf"{layer.name}_table\[\d+\] = {{\n(.*?)\n}};", source, re.DOTALL)
            words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})u", found[1])]
            data = np.array(words, "<u4").tobytes()
            assert data == layer.dot.body and term_table.decode(data).rows == len(layer.params.weights)


def test_another_version_of_the_runtime_is_refused_by_the_compiler(program, tmp_path):
    tree = write_tree(program, tmp_path)
    header = tree / "include" / "tr_formats.h"
    header.write_text(header.read_text().replace("#define TR_TABLE_VERSION 1u", "#define TR_TABLE_VERSION 2u"))
    words = ["gcc", f"-I{tree / 'include'}", "-fsyntax-only", str(tree / "model" / "model.c")]
    with pytest.raises(AssertionError, match="run edge-tr build again"):
        command(*words)
