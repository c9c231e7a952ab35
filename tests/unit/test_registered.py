"""The user's own boards, known by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge_tr import boards, resources
from edge_tr.errors import UsageError
from edge_tr.files import registered


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's configuration, and a board of theirs in a folder without ../common."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = Path(shutil.copytree(resources.folder("boards") / "mps2-an386", tmp_path / "mine"))
    text = (folder / "board.toml").read_text()
    (folder / "board.toml").write_text(text.replace('name = "mps2-an386"', 'name = "mine"'))
    return folder


def test_a_registered_board_is_found_by_its_name_and_forgotten_again(own: Path) -> None:
    assert boards.register(own).folder == own
    assert registered.folders() == {"mine": own} and boards.load("mine").folder == own
    assert not boards.ships(boards.load("mine"))
    with pytest.raises(UsageError, match="did you mean mine"):
        boards.load("minee")
    registered.remove("mine")
    with pytest.raises(UsageError, match="unknown board 'mine'"):
        boards.load("mine")
    with pytest.raises(UsageError, match="mine is not registered: none is"):
        registered.remove("mine")


def test_a_name_of_ours_a_broken_board_and_no_board_are_refused(own: Path) -> None:
    ours = resources.folder("boards") / "mps2-an386"
    with pytest.raises(UsageError, match="mps2-an386 is a board of edge-tr's"):
        boards.register(ours)
    with pytest.raises(UsageError, match=r"has no board\.toml"):
        boards.register(own.parent)
    (own / "board.toml").write_text("name = 1")
    with pytest.raises(UsageError, match="name: 1 is not a string"):
        boards.register(own)
    assert registered.folders() == {}


def test_a_folder_that_has_gone_is_named(own: Path) -> None:
    boards.register(own)
    (own / "board.toml").unlink()
    with pytest.raises(UsageError, match=r"has no board\.toml any more.*--remove mine"):
        boards.load("mine")


@pytest.mark.parametrize("text", ["[1]", '{"a": 1}', "{", '{"a": "\\udc80"'])
def test_a_damaged_list_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config" / "edge-tr" / "boards.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(UsageError, match=r"boards\.json"):
        registered.folders()
