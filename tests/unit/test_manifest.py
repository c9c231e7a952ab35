"""build.json and the folder around it: damaged, foreign, of another version, and what building may touch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_tr.errors import UsageError
from edge_tr.manifest import MANIFEST_VERSION, BuildFolder
from tests.system.helpers import DIGITS, refused, run, succeed


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifest") / "host"
    succeed("build", DIGITS, "--target", "host", "-o", folder)
    return folder


def rewritten(built: Path, folder: Path, change) -> BuildFolder:
    """A folder with a changed build.json."""
    values = json.loads((built / "build.json").read_text())
    (folder / "build.json").write_text(json.dumps(change(values)))
    return BuildFolder(folder)


def test_what_was_written_is_read_back(built: Path) -> None:
    manifest = BuildFolder(built).read()
    assert manifest.to_json() == (built / "build.json").read_text()
    assert manifest.fits is True and manifest.layers[0].weights > 0


@pytest.mark.parametrize(
    "change",
    [
        lambda v: {**v, "layers": 3},
        lambda v: {**v, "layers": [3]},
        lambda v: {**v, "layers": [{}]},
        lambda v: {**v, "fits": "yes"},
        lambda v: {**v, "target": None},
        lambda v: {**v, "something": 1},
        lambda v: {key: value for key, value in v.items() if key != "flash_bytes"},
        lambda v: {**v, "layers": [{**v["layers"][0], "kernel": 7}]},
    ],
)
def test_a_damaged_manifest_says_to_build_again(built: Path, tmp_path: Path, change) -> None:
    folder = rewritten(built, tmp_path, change)
    with pytest.raises(UsageError, match=r"build\.json is damaged .*: build again"):
        folder.read()


def test_a_manifest_of_another_version_names_the_version_that_wrote_it(built: Path, tmp_path: Path) -> None:
    def newer(values: dict) -> dict:
        return {**values, "manifest_version": MANIFEST_VERSION + 1, "edge_tr_version": "9.9", "new": {}}

    with pytest.raises(UsageError, match=r"was built by edge-tr 9\.9: build again"):
        rewritten(built, tmp_path, newer).read()


@pytest.mark.parametrize("text", ["", "{", "\x00", "nonsense"])
def test_a_manifest_that_is_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "build.json").write_text(text)
    refused(run("check", tmp_path), 2, "build.json cannot be read", "build again")


@pytest.mark.parametrize("text", ["{}", "[]", "3", '{"name": "another tool\'s"}'])
def test_a_build_json_of_another_tool_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "build.json").write_text(text)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "mine.c").write_text("mine")
    refused(run("check", tmp_path), 2, "is not edge-tr's")
    refused(run("build", DIGITS, "--target", "host", "-o", tmp_path), 2, "files that edge-tr did not build")
    assert (tmp_path / "build.json").read_text() == text
    assert (tmp_path / "src" / "mine.c").read_text() == "mine"


@pytest.mark.parametrize("command", ["flash", "check"])
def test_a_folder_without_a_build_says_how_to_make_one(command: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        refused(run(command, path), 2, f"{path} holds no build: run edge-tr build MODEL --target BOARD -o {path}")


def test_a_folder_of_the_users_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "obj").mkdir()
    (tmp_path / "obj" / "thesis.txt").write_text("mine")
    refused(run("build", DIGITS, "--target", "host", "-o", tmp_path), 2, "choose another -o")
    assert [path.name for path in tmp_path.rglob("*")] == ["obj", "thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    refused(run("build", DIGITS, "--target", "host", "-o", file), 2, "is a file: choose another -o")
    refused(run("build", DIGITS, "--target", "host", "-o", file / "below"), 2, "cannot write to", "choose another")
    assert file.read_text() == "mine"


def test_building_again_replaces_the_build_and_keeps_files_beside_it(built: Path, tmp_path: Path) -> None:
    for budget in ("lossless", "k=4"):
        succeed("build", DIGITS, "--target", "host", "-o", tmp_path, "--budget", budget)
        succeed("flash", tmp_path)
        (tmp_path / "notes.txt").write_text("mine")
    assert BuildFolder(tmp_path).read().budget == "g=8,k=4"
    assert (tmp_path / "notes.txt").read_text() == "mine"
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path)
    refused(run("check", tmp_path), 6, "flash it first")  # the old image went with the old build


def test_a_model_that_was_exchanged_inside_the_folder_is_found_out(built: Path, shared: Path, tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path)
    (tmp_path / "model.tflite").write_bytes((shared / "models/hello_world_int8.tflite").read_bytes())
    refused(run("check", tmp_path), 2, "is not the model of this build: run edge-tr build again")
    (tmp_path / "model.tflite").unlink()
    refused(run("check", tmp_path), 2, "model.tflite", "No such file")


def test_a_report_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path)
    succeed("flash", tmp_path)
    (tmp_path / "report.html").mkdir()
    refused(run("check", tmp_path, "--limit", 1), 2, f"cannot write to {tmp_path}", "Is a directory")
