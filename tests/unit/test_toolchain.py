"""The compiler, run and reported: errors carry the command, sizes are measured, names may collide."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.errors import EdgeTrError, ToolMissingError
from edge_tr.target.toolchain import OverflowingLink, compile_and_link
from edge_tr.target.tools import require_tool, variable_of

MAIN = "#include <stdint.h>\nstatic volatile uint8_t big[{size}u];\nint main(void) {{ return big[3] + {data}; }}\n"


def compile_main(board: Board, folder: Path, text: str):
    source = folder / "program.c"
    source.write_text(text)
    return compile_and_link(board, board.application, [source], [], folder / "obj", "program")


@pytest.mark.parametrize("name", ["mps2-an386", "qemu-rv32imc"])
def test_ram_is_counted_to_the_byte(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    small = compile_main(board, tmp_path, MAIN.format(size=4, data=0)).sizes
    large = compile_main(board, tmp_path, MAIN.format(size=10_004, data=0)).sizes
    assert large.ram - small.ram == 10_000 and large.flash == small.flash
    assert small.ram >= board.memory.stack_bytes


def test_an_overflow_tells_the_size_the_program_would_have(tmp_path: Path) -> None:
    board = boards.load("mps2-an386")
    tiny = dataclasses.replace(board, memory=dataclasses.replace(board.memory, ram_bytes=0x5000))
    with pytest.raises(OverflowingLink) as caught:
        compile_main(tiny, tmp_path, MAIN.format(size=100_000, data=0))
    assert caught.value.sizes.ram >= 100_000 + board.memory.stack_bytes
    assert not (tmp_path / "obj" / "program.elf").exists()


@pytest.mark.parametrize(
    "text", ["int main(void) { unused; }", "int main(void) { int unused; return 0; }", "#error no\n", "int main(void);"]
)
def test_what_does_not_compile_or_link_shows_the_command_and_the_compilers_words(text: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeTrError, match=r"(?s)gcc failed; this is a bug of edge-tr.*program.*(error|undefined)"):
        compile_main(boards.load("host"), tmp_path, text)


def test_a_missing_tool_names_package_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match=r"frob-gcc is not installed: run `apt-get install frob`, or set EDGE_"):
        require_tool("frob-gcc", "frob")


def test_a_variable_chooses_the_tool_and_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my-gcc"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert variable_of("frob-gcc") == "EDGE_TR_FROB_GCC"
    monkeypatch.setenv("EDGE_TR_FROB_GCC", str(program))
    assert require_tool("frob-gcc", "frob") == str(program)
    program.chmod(0o644)
    with pytest.raises(ToolMissingError, match=r"EDGE_TR_FROB_GCC=.* is not a program: correct it, or unset it"):
        require_tool("frob-gcc", "frob")
