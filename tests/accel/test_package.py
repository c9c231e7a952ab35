"""The generated folder as a package: built, installed, found by pynq, and its notebook runs on the fake Zynq."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from edge_tr import overlays
from edge_tr.target.cosim import build
from edge_tr.target.virtual_zynq import overlay_files
from tests.conftest import PROJECT
from tests.system.helpers import DIGITS, succeed

BOARD = overlays.load("pynq-z2")


def call(*command: object, **options) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with a stand-in for the bitstream: the co-simulation's hand-off."""
    folder = tmp_path_factory.mktemp("built") / "out"
    succeed("build", DIGITS, "--target", BOARD.name, "-o", folder)
    simulated = overlay_files(folder.parent, BOARD)
    for suffix in (".bit", ".hwh"):
        shutil.copyfile(
            simulated.with_suffix(suffix), folder / "edge_tr_pynq" / Path(overlays.BITFILE).with_suffix(suffix)
        )
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the wheel of a source distribution into, without a network."""
    work = tmp_path_factory.mktemp("installed")
    call(sys.executable, "-m", "build", "--no-isolation", "-o", work, built)  # an sdist, and a wheel of that
    (sdist,), (wheel,) = work.glob("*.tar.gz"), work.glob("*.whl")
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/pyproject.toml") for name in archive.getnames())
    call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", work / "site", wheel)
    return work / "site"


def test_everything_the_driver_reads_is_installed(built: Path, installed: Path) -> None:
    names = {path.relative_to(built).as_posix() for path in (built / "edge_tr_pynq").rglob("*") if path.is_file()}
    theirs = {path.relative_to(installed).as_posix() for path in (installed / "edge_tr_pynq").rglob("*")}
    needed = {name for name in names if "__pycache__" not in name}
    assert needed <= theirs and "edge_tr_pynq/validation.npz" in needed and "edge_tr_pynq/tr_accelerator.hwh" in needed
    (metadata,) = installed.glob("edge_tr_pynq-*.dist-info/METADATA")
    build_id = json.loads((built / "build.json").read_text())["build_id"]
    assert f"+b{build_id}\n" in metadata.read_text()


def test_pynq_finds_overlay_and_notebook_and_its_code_runs(installed: Path, tmp_path: Path) -> None:
    paths = (installed, PROJECT, sysconfig.get_path("purelib"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    script = PROJECT / "tests" / "accel" / "notebook.py"
    found = json.loads(call(sys.executable, script, build(), env=environment, cwd=tmp_path))
    package = installed / "edge_tr_pynq"
    assert Path(found["overlay"]) == package / "__init__.py"
    assert Path(found["by_name"]) == package / overlays.BITFILE  # pynq.Overlay("tr_accelerator.bit")
    assert package / "notebooks" in map(Path, found["pynq_notebooks"])
    assert found["same"] and "10 of 10 outputs equal" in found["text"] and found["outputs"] == [[10, 10]]
    *counted, softmax = found["cycles"]
    assert len(counted) == 5 and min(counted) > 0 and softmax == 0  # the processor's
    picture = xml.fromstring(found["picture"])
    assert len([element for element in picture if element.tag.endswith("rect")]) == 6
    assert [batch for batch, _ in found["rates"]] == [1, 16] and all(rate > 0 for _, rate in found["rates"])
    assert found["allocated"] == 0


def test_the_notebook_is_one_of_version_4_5(built: Path) -> None:
    (path,) = (built / "edge_tr_pynq" / "notebooks").glob("*.ipynb")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5) and notebook["metadata"]["kernelspec"]["name"]
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | code
        assert not code or (cell["execution_count"] is None and cell["outputs"] == [])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert DIGITS.name in notebook["cells"][0]["source"][0]
