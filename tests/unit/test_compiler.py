"""`compiler.build` as a function: the same input gives the same bytes, wherever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_tr import boards, compiler, resources
from edge_tr.manifest import BuildFolder
from edge_tr.target import toolchain
from tests import object_cache
from tests.system.helpers import DIGITS, ONE_OF_EACH_CORE

BUDGET = "g=8,k=12"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("board", [name for name in ONE_OF_EACH_CORE if name != "host"])
def test_building_twice_in_two_places_gives_the_same_sources_and_image(
    board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [BuildFolder(tmp_path / name) for name in ("here", "a much longer name of a folder, somewhere else")]
    manifests = [compiler.build(DIGITS, board, folders[0].path, budget=BUDGET)]
    monkeypatch.setattr(toolchain, "_run", object_cache.RUN)  # nothing that was compiled elsewhere
    manifests.append(compiler.build(DIGITS, board, folders[1].path, budget=BUDGET))
    assert manifests[0] == manifests[1]
    assert files_of(folders[0].sources) == files_of(folders[1].sources)
    for name in ("image", "manifest_file", "model", "revealed"):
        assert getattr(folders[0], name).read_bytes() == getattr(folders[1], name).read_bytes(), name


@pytest.mark.parametrize("board", ONE_OF_EACH_CORE)
def test_no_absolute_path_gets_into_sources_or_image(board: str, all_folders: Path, tmp_path: Path) -> None:
    compiler.build(DIGITS, board, tmp_path / "out")
    folder = BuildFolder(tmp_path / "out")
    written = {**files_of(folder.sources), "image": folder.image.read_bytes()}
    places = [str(place).encode() for place in (all_folders, resources.folder("boards").parent, Path.home() / "x")]
    assert not [name for name, data in written.items() for place in places if place in data]


@pytest.mark.parametrize("board", [name for name in ONE_OF_EACH_CORE if name != "host"])
def test_the_flash_size_is_the_length_of_the_image(board: str, tmp_path: Path) -> None:
    manifest = compiler.build(DIGITS, board, tmp_path)
    assert 0 <= BuildFolder(tmp_path).image.stat().st_size - manifest.flash_bytes < 16
    memory = boards.load(board).memory
    assert (manifest.flash_limit, manifest.ram_limit) == (memory.flash_bytes, memory.ram_bytes)
    ram = manifest.ram
    assert 0 <= ram.stack - (ram.stack_bound + memory.stack_margin_bytes) < 16  # the section begins aligned
    assert ram.stack < memory.stack_bytes
    assert manifest.ram_bytes == ram.arena + ram.states + ram.link + ram.data + ram.stack + ram.code


def test_progress_counts_files_to_the_last_one(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int, str]] = []
    compiler.build(DIGITS, "host", tmp_path, progress=lambda *step: seen.append(step))
    assert {(what, unit) for what, _, _, unit in seen} == {("compiling", "file")}
    assert seen[-1][1] == seen[-1][2] and [done for _, done, _, _ in seen] == list(range(1, seen[-1][2] + 1))


def test_another_budget_is_another_build(tmp_path: Path) -> None:
    ids = {compiler.build(DIGITS, "host", tmp_path, budget=budget).build_id for budget in ("lossless", BUDGET, "k=4")}
    assert len(ids) == 3
