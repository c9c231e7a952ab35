"""The compiler, run and reported: errors carry the command, sizes are measured, names may collide."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from edge_tr import boards, resources
from edge_tr.boards import Board
from edge_tr.errors import EdgeTrError, ToolMissingError
from edge_tr.target.toolchain import COLD, RUNTIME, HotTooLarge, OverflowingLink, compile_and_link
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


@pytest.mark.parametrize(("name", "reserved"), [("mps2-an386", 0x128), ("qemu-rv32imc", 0x130)])
def test_the_stack_is_what_the_program_without_limits_asks_for_and_padding(name: str, reserved: int, tmp_path) -> None:
    board, source, asked = boards.load(name), tmp_path / "main.c", []
    source.write_text(MAIN.format(size=16, data=0))

    def stack_for(elf: Path) -> int:
        asked.append(elf.is_file())
        return 0x124

    fixed = compile_and_link(board, board.application, [source], [], tmp_path / "fixed", "program").sizes
    asking = compile_and_link(
        board, board.application, [source], [], tmp_path / "asking", "program", stack_for=stack_for
    ).sizes
    assert asked == [True] and (fixed.stack, asking.stack) == (board.memory.stack_bytes, reserved)
    assert fixed.ram - asking.ram == fixed.stack - asking.stack


HOT = '#include "tr_crc32.h"\n#include "tr_stage.h"\nstatic uint32_t to[{words}u];\n'
HOT += "int main(void) {{ tr_stage(to, to, 4u); return (int)tr_crc32(0u, (const uint8_t *)to, 4u); }}\n"


@pytest.mark.parametrize("name", ["nucleo-l4r5zi", "nucleo-g0b1re", "rpi-pico"])
def test_the_runtimes_code_runs_from_ram_and_is_sealed_in_flash(name: str, tmp_path: Path) -> None:
    """What runs before it is copied, or once, stays in flash."""
    board, source = boards.load(name), tmp_path / "program.c"
    source.write_text(HOT.format(words=1))
    runtime = [resources.folder("firmware") / "src" / f"{part}.c" for part in ("tr_stage", "tr_crc32")]
    cold, hot = (
        compile_and_link(board, board.application, [source, *runtime], [], tmp_path / str(hot), "program", hot=hot)
        for hot in (False, True)
    )
    file = ELFFile(hot.elf.open("rb"))
    symbols = {symbol.name: symbol["st_value"] for symbol in file.get_section_by_name(".symtab").iter_symbols()}
    ram = board.code_ram
    assert ram.origin <= symbols["tr_stage"] < ram.origin + ram.bytes
    assert board.memory.flash_origin <= symbols["tr_crc32"] < board.memory.flash_origin + board.memory.flash_bytes
    copied = symbols["tr_hot_end"] - symbols["tr_hot_start"]
    assert hot.sizes.ram - cold.sizes.ram == copied > 0
    section, image = file.get_section_by_name(".hot").data(), hot.image
    at = symbols["tr_hot_load"] - board.memory.flash_origin
    assert image[at : at + copied] == section and symbols["tr_model_start"] == symbols["tr_hot_load"]


def test_what_stays_in_flash_is_named_after_sources_that_there_are() -> None:
    assert {f"tr_{name}" for name in COLD} <= {path.stem for path in (resources.folder("firmware") / RUNTIME).iterdir()}


@pytest.mark.parametrize("name", ["nucleo-l4r5zi", "nucleo-g0b1re", "rpi-pico"])
@pytest.mark.parametrize("stack_for", [None, lambda elf: 0x200], ids=["fixed", "bound"])
def test_data_that_reaches_the_ram_of_code_is_told(name: str, stack_for, tmp_path: Path) -> None:
    """Within RAM, and beyond its end."""
    board, source = boards.load(name), tmp_path / "program.c"
    runtime = [resources.folder("firmware") / "src" / f"{part}.c" for part in ("tr_stage", "tr_crc32")]

    def linked(size: int, hot: bool, folder: str):
        source.write_text(HOT.format(words=size // 4))
        sources, build_dir = [source, *runtime], tmp_path / folder
        return compile_and_link(
            board, board.application, sources, [], build_dir, "program", hot=hot, stack_for=stack_for
        )

    most = board.memory.ram_bytes - board.memory.stack_bytes - 64
    assert linked(most, False, "cold").image
    for size in (most, board.memory.ram_bytes + 4096):
        with pytest.raises(HotTooLarge):
            linked(size, True, f"hot{size}")


def test_data_may_reach_the_ram_of_code_with_the_stack_that_is_needed(tmp_path: Path) -> None:
    """More would be reserved without a bound than there is between data and code."""
    board, source = boards.load("nucleo-g0b1re"), tmp_path / "program.c"
    room = board.code_ram.origin - board.memory.ram_origin
    source.write_text(HOT.format(words=(room - board.memory.stack_bytes + 64) // 4))
    sources = [source, *(resources.folder("firmware") / "src" / f"{part}.c" for part in ("tr_stage", "tr_crc32"))]
    with pytest.raises(HotTooLarge):
        compile_and_link(board, board.application, sources, [], tmp_path / "fixed", "program", hot=True)
    linked = compile_and_link(
        board, board.application, sources, [], tmp_path / "bound", "program", hot=True, stack_for=lambda elf: 0x200
    )
    assert linked.sizes.code_in_ram > 0 and linked.sizes.stack == 0x200


@pytest.mark.parametrize(
    ("size", "begin"), [(100 << 10, 0x2000_0000), (200 << 10, 0x2004_0000), (382 << 10, 0x2004_0000)]
)
def test_data_lie_above_the_ram_of_code_where_there_is_more_of_it(size: int, begin: int, tmp_path: Path) -> None:
    board, source = boards.load("nucleo-l4r5zi"), tmp_path / "program.c"
    source.write_text(HOT.format(words=size // 4))
    sources = [source, *(resources.folder("firmware") / "src" / f"{part}.c" for part in ("tr_stage", "tr_crc32"))]
    linked = compile_and_link(
        board, board.application, sources, [], tmp_path / "hot", "program", hot=True, stack_for=lambda elf: 0x200
    )
    file = ELFFile(linked.elf.open("rb"))
    symbols = {symbol.name: symbol["st_value"] for symbol in file.get_section_by_name(".symtab").iter_symbols()}
    assert begin <= symbols["to"] and symbols["to"] + size <= begin + (0x3_0000 if begin == 0x2000_0000 else 0x6_0000)
    assert 0x1000_0000 <= symbols["tr_stage"] < 0x1001_0000 and linked.sizes.code_in_ram > 0


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
