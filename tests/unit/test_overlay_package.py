"""The package for an accelerator's board: what it shares with the host is the host's own, and it stands alone."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cobs import cobs as reference
from hypothesis import example, given
from hypothesis import strategies as st

from edge_tr import demo, overlays, resources
from edge_tr.accel import AccelProgram, lower_accel
from edge_tr.codegen import overlay
from edge_tr.errors import UsageError
from edge_tr.ir import tflite
from edge_tr.prepared.budget import parse

PACKAGE = resources.folder("codegen_templates") / "fpga" / overlay.PACKAGE


def module(name: str) -> ModuleType:
    """A module of the package that needs no other."""
    spec = importlib.util.spec_from_file_location(f"packaged_{name}", PACKAGE / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


cobs = module("cobs")


@pytest.fixture(scope="module")
def program() -> AccelProgram:
    return lower_accel(tflite.load(Path(str(demo.MODEL))), parse("lossless"))


@given(st.binary(max_size=600))
@example(b"")
@example(b"\0" * 3)
@example(b"\1" * 254)
@example(b"\1" * 255)
@example(b"\1" * 254 + b"\0")
@example(b"\1" * 508)
def test_stuffing_equals_the_cobs_package(data: bytes) -> None:
    assert cobs.encode(data) == reference.encode(data)
    assert cobs.decode(cobs.encode(data)) == data


@given(st.binary(max_size=40))
def test_damaged_stuffing_is_refused_where_the_cobs_package_refuses(wire: bytes) -> None:
    try:
        expected = reference.decode(wire)
    except reference.DecodeError:
        with pytest.raises(cobs.DecodeError):
            cobs.decode(wire)
    else:
        assert cobs.decode(wire) == expected


def test_the_package_imports_only_itself_numpy_and_pynq(program: AccelProgram) -> None:
    tree = overlay.source_tree(program, overlays.load("pynq-z2"), "digits.tflite")
    allowed = {overlay.PACKAGE, "numpy", "pynq", *sys.stdlib_module_names}
    sources = {name: data for name, data in tree.items() if name.endswith(".py")}
    assert len(sources) > len(overlay.SHARED)
    for name, data in sources.items():
        for node in ast.walk(ast.parse(data)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {found.split(".")[0] for found in names} <= allowed, name
            for found in names:
                if found.startswith(overlay.PACKAGE) and found != overlay.PACKAGE:
                    module = found.replace(".", "/")
                    assert {f"{module}.py", f"{module}/__init__.py"} & set(tree), f"{name} imports {found}"


def test_the_same_program_gives_the_same_bytes_and_another_board_another_build_id(program: AccelProgram) -> None:
    board = overlays.load("pynq-z2")
    tree = overlay.source_tree(program, board, "digits.tflite")
    assert tree == overlay.source_tree(program, board, "digits.tflite")
    assert overlay.build_id(tree) != overlay.build_id(overlay.source_tree(program, board, "other.tflite"))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("clock_mhz = 100", 'clock_mhz = "fast"', "clock_mhz is 'fast'"),
        ("part =", "parts =", "parts"),
        ("dma = 0x40400000", "", "addresses.dma is missing"),
        ('name = "pynq-z2"', 'name = "other"', "name is not the folder's"),
        ("[chip]", "[chip", "overlay.toml"),
    ],
)
def test_a_wrong_board_file_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = (resources.folder("boards") / "pynq-z2" / overlays.FILE).read_text(encoding="utf-8")
    folder = tmp_path / "pynq-z2"
    folder.mkdir()
    (folder / overlays.FILE).write_text(text, encoding="utf-8")
    assert overlays.is_overlay(str(folder)) and not overlays.ships(overlays.load(str(folder)))
    other = tmp_path / "damaged" / "pynq-z2"
    other.mkdir(parents=True)
    assert before in text
    (other / overlays.FILE).write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        overlays.load(str(other))
