"""The list of boards, and one in full."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from edge_tr import boards, overlays, resources
from edge_tr.report.boards import STATES, WIDTH, board_text, boards_text
from tests.system.helpers import refused, run, succeed


def test_boards_are_told_apart_by_how_far_they_are_verified() -> None:
    ours = [boards.load(name) for name in boards.names()]
    text = boards_text(ours, [overlays.load(name) for name in overlays.names()])
    assert max(map(len, text.splitlines())) <= WIDTH
    table, _, rest = text.partition("\n\n")
    states: dict[str, str] = {}
    for line in table.splitlines()[2:]:
        if line.startswith("-- "):
            state = line[3:]
        else:
            states[line.split()[0]] = state
    assert set(states) == {*boards.names(), *overlays.names()}
    for name in boards.names():
        board = boards.load(name)
        assert states[name] == STATES[board.verified]
        assert all(f"{name}: " in rest for _ in board.doubts)
        assert all(command.program in table for command in board.flash.commands)


@pytest.mark.parametrize("name", boards.names())
def test_one_board_is_told_in_full(name: str) -> None:
    board = boards.load(name)
    lines = board_text(board).splitlines()
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(line.strip() for line in lines)
    for words in (board.description, board.flash.help, *board.doubts, *board.manuals, board.toolchain.package):
        assert words in text
    assert board.reads is None or board.reads.manual in text


def test_a_board_is_added_listed_used_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = Path(shutil.copytree(resources.folder("boards") / "rpi-pico", tmp_path / "mine"))
    (own / "board.toml").write_text((own / "board.toml").read_text().replace('name = "rpi-pico"', 'name = "mine"'))
    assert succeed("boards", "--add", own).out == f"mine is {own} now\n"
    assert f"mine is yours: {own}" in succeed("boards").out
    listed = {board["name"]: board for board in succeed("boards", "--json").json}
    assert listed["mine"]["folder"] == str(own) and listed["mine"]["flash"]["programs"]["picotool"]
    assert succeed("boards", "mine").out.startswith("mine: Raspberry Pi Pico")
    shutil.rmtree(own)
    ran = run("boards")
    assert ran.code == 0 and "--remove mine" in ran.err and "rpi-pico" in ran.out
    succeed("boards", "--remove", "mine")
    refused(run("boards", "--remove", "mine"), 2, "mine is not registered: none is")
    refused(run("boards", "mine"), 2, "unknown board 'mine'")


def test_the_page_of_boards_has_every_board_and_every_key_of_a_flasher() -> None:
    page = (resources.folder("boards").parent / "docs" / "boards.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*boards.names(), *overlays.names()))
    assert all(field.name in page for field in dataclasses.fields(boards.Flash))
    assert all(
        command.program.lower() in page.lower()
        for name in boards.names()
        for command in boards.load(name).flash.commands
    )
