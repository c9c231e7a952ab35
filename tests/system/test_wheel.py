"""A real wheel in a fresh environment: everything is inside, and it builds what the checkout builds."""

from __future__ import annotations

import email
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from documents import files
from edge_tr import overlays
from tests.conftest import PROJECT
from tests.system.helpers import ALL_BOARDS, DIGITS, DIGITS_DATA, succeed

DATA = ("boards", "codegen_templates", "firmware", "rtl")
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "out", "tests", "docs")


def call(*command: object, **options) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves its own folders in the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT, folder / "source", ignore=NOT_SOURCE)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, folder / "source")
    (built,) = folder.glob("*.whl")
    return built


class Installed:
    """A fresh environment; only what edge-tr depends on comes from the one the tests run in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        call(sys.executable, "-m", "venv", "--without-pip", folder)
        call(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "-q", wheel)
        self._program = folder / "bin" / "edge-tr"
        self._environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
        self.package = Path(self._python(folder, "import edge_tr; print(edge_tr.__file__)").strip()).parent

    def _python(self, folder: Path, code: str) -> str:
        return call(folder / "bin" / "python", "-c", code, env=self._environment, cwd=folder)

    def __call__(self, *arguments: object, cwd: Path) -> str:
        return call(self._program, *arguments, env=self._environment, cwd=cwd)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("fresh") / "venv", wheel)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, made of what belongs to the project, and unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    for name in files():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / "source" / name)
    said = call(sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", folder, folder / "source")
    warnings = [
        line for line in said.splitlines() if "warn" in line.lower() and not line.startswith(("copying", "adding"))
    ]
    assert [line for line in warnings if "no previously-included" not in line] == []
    (made,) = folder.glob("*.tar.gz")
    call("tar", "-xzf", made, "-C", folder)
    return folder / made.name.removesuffix(".tar.gz")


def test_the_source_distribution_is_the_project(unpacked: Path) -> None:
    inside = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    made = {path for path in inside if path.parts[0] in ("PKG-INFO", "setup.cfg", "edge_tr.egg-info")}
    assert inside - made == set(files())


def test_tests_pass_from_the_source_distribution(unpacked: Path) -> None:
    """Some that need files of the project; all others are there, too."""
    some = (
        "tests/unit/test_emit.py",
        "tests/unit/test_hese.py",
        "tests/unit/test_version.py",
        "tests/test_architecture.py",
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(unpacked)}
    options = ("-n", "0", "-p", "no:cacheprovider")
    said = call(sys.executable, "-m", "pytest", *options, *some, cwd=unpacked, env=environment)
    assert " passed" in said
    where = "import edge_tr; print(edge_tr.__file__)"
    assert call(sys.executable, "-c", where, cwd=unpacked, env=environment).strip().startswith(str(unpacked))


def test_the_package_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(name))
        assert "edge_tr/py.typed" in archive.namelist()
    assert about["License-Expression"] == "Apache-2.0"
    assert set(about["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    pythons = {kind.rpartition(" ")[2] for kind in about.get_all("Classifier") if ":: Python :: 3." in kind}
    assert pythons == {"3.10", "3.11", "3.12", "3.13"} and "Typing :: Typed" in about.get_all("Classifier")


@pytest.mark.parametrize("name", DATA)
def test_every_file_of_the_data_folders_is_inside(name: str, wheel: Path) -> None:
    inside = {path for path in zipfile.ZipFile(wheel).namelist() if path.startswith(f"edge_tr/_data/{name}/")}
    files = (path.relative_to(PROJECT) for path in (PROJECT / name).rglob("*") if path.is_file())
    expected = {f"edge_tr/_data/{path.as_posix()}" for path in files if "__pycache__" not in path.parts}
    assert expected and inside == expected


def test_every_module_the_demo_and_the_licence_are_inside_and_no_tests(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    modules = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "edge_tr").rglob("*.py")}
    assert modules <= inside
    assert {f"edge_tr/demo/{DIGITS.name}", f"edge_tr/demo/{DIGITS_DATA.name}"} <= inside
    assert any(path.endswith("LICENSE") for path in inside)
    assert not any(path.startswith("tests") for path in inside)


def test_outside_the_checkout_boards_and_inspect_work(installed: Installed, tmp_path: Path) -> None:
    assert PROJECT not in installed.package.parents
    listed = json.loads(installed("boards", "--json", cwd=tmp_path))
    assert [board["name"] for board in listed] == [*ALL_BOARDS, *overlays.names()]
    assert json.loads(installed("inspect", DIGITS, "--json", cwd=tmp_path))["layers"]


@pytest.mark.parametrize("board", ["host", "mps2-an386"])
def test_outside_the_checkout_a_build_gives_the_same_bytes_and_runs(
    board: str, installed: Installed, tmp_path: Path
) -> None:
    installed("build", DIGITS, "--target", board, "-o", "theirs", "-q", cwd=tmp_path)
    succeed("build", DIGITS, "--target", board, "-o", tmp_path / "ours", "-q")
    for file in ("build.json", "revealed.tflite", "sbom.cdx.json", *(["firmware.bin"] if board != "host" else [])):
        assert (tmp_path / "theirs" / file).read_bytes() == (tmp_path / "ours" / file).read_bytes(), file
    installed("flash", "theirs", "-q", cwd=tmp_path)
    checked = installed("check", "theirs", "--data", DIGITS_DATA, "--limit", 2, "--layers", "--json", cwd=tmp_path)
    assert json.loads(checked)["bit_exact"] is True
