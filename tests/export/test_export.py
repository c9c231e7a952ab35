"""`edge-tr export`: what the README says of it, from an empty folder; what each kind of project makes of its folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_tr.compiler.export import export
from tests.conftest import PROJECT
from tests.firmware.harness_build import command
from tests.system.helpers import DIGITS, PROCESS_ENVIRONMENT, refused, run, succeed

PROGRAMS = Path(__file__).parent / "programs"
MODEL = "kws_ref_model.tflite"
RIGHT = "kws: as the reference"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "build"
    succeed("build", DIGITS, "--target", "mps2-an386", "--name", "kws", "-o", folder)
    return folder


def readme_commands() -> list[str]:
    """The three lines under "To use a model in your own project"."""
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    return re.search(r"^To use a model in your own project.*?```\n(.*?)```", text, re.DOTALL | re.MULTILINE)[
        1
    ].splitlines()


def test_the_readmes_three_commands_make_projects_from_an_empty_folder(shared: Path, tmp_path: Path) -> None:
    """CMake as it stands there, and a PlatformIO library by the same export; both run kws on this computer."""
    shutil.copy(shared / "models" / MODEL, tmp_path)
    commands = readme_commands()
    assert len(commands) == 3
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in (*commands, commands[1].replace("cmake", "platformio").replace("-o kws", "-o library")):
        subprocess.run(line, shell=True, check=True, cwd=tmp_path, env=PROCESS_ENVIRONMENT | {"PATH": path})
    assert command(tmp_path / "kws" / "build" / "kws_example").strip() == RIGHT
    assert command(found_package(tmp_path)).strip() == RIGHT
    library = json.loads((tmp_path / "library" / "library.json").read_text())
    places = [tmp_path / "library" / library["build"][key] for key in ("srcDir", "includeDir")]
    sources = sorted(path for path in places[0].iterdir() if path.suffix in (".c", ".S"))
    (example,) = (tmp_path / "library" / of["base"] / of["files"][0] for of in library["examples"])
    includes = [f"-I{place}" for place in places]
    command("gcc", "-std=c11", *includes, "-ffunction-sections", *sources, example, "-o", tmp_path / "program")
    assert command(tmp_path / "program").strip() == RIGHT


def found_package(folder: Path) -> Path:
    """A project beside the built one, which finds that installed."""
    command("cmake", "--install", folder / "kws" / "build", "--prefix", folder / "prefix")
    user = folder / "user"
    user.mkdir()
    shutil.copy(folder / "kws" / "examples" / "kws" / "main.c", user)
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nfind_package(kws REQUIRED)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user PRIVATE kws)\n"
    )
    command("cmake", "-S", user, "-B", user / "b", f"-DCMAKE_PREFIX_PATH={folder / 'prefix'}")
    command("cmake", "--build", user / "b")
    return user / "b" / "user"


def test_a_zephyr_sample_takes_the_module(build: Path, tmp_path: Path) -> None:
    """Of Zephyr there is a fake of the CMake functions that a module calls; its sample runs on this computer."""
    succeed("export", build, "--as", "zephyr", "-o", tmp_path / "export")
    sample, fake = tmp_path / "export" / "samples" / "kws", PROGRAMS / "fake_zephyr"
    command("cmake", "-S", sample, "-B", tmp_path / "b", f"-DZephyr_DIR={fake / 'cmake'}")
    command("cmake", "--build", tmp_path / "b")
    assert command(tmp_path / "b" / "app").strip() == RIGHT
    (sample / "prj.conf").write_text("CONFIG_KWS=n\n")
    with pytest.raises(AssertionError, match=r"kws\.h"):
        command("cmake", "-S", sample, "-B", tmp_path / "off", f"-DZephyr_DIR={fake / 'cmake'}")
        command("cmake", "--build", tmp_path / "off")


def test_an_arduino_library_and_its_sketch_compile(build: Path, tmp_path: Path) -> None:
    """Everything below src/, as the IDE does it, and the sketch as C++ against a fake Arduino.h."""
    succeed("export", build, "--as", "arduino", "-o", tmp_path / "kws")
    source = tmp_path / "kws" / "src"
    sketch = tmp_path / "sketch.cpp"
    sketch.write_text("#include <Arduino.h>\n" + (tmp_path / "kws/examples/kws/kws.ino").read_text())
    flags = ("-mcpu=cortex-m0plus", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", f"-I{source}", "-ffreestanding")
    objects = tmp_path / "objects"
    objects.mkdir()
    command("arm-none-eabi-gcc", *flags, "-c", *sorted(source.glob("*.[cS]")), cwd=objects)
    fake = f"-I{PROGRAMS / 'fake_arduino'}"
    command("arm-none-eabi-g++", "-std=c++11", *flags, fake, "-c", sketch, cwd=objects)
    listed = command("arm-none-eabi-nm", *sorted(objects.glob("*.o"))).splitlines()
    defined = [line.split()[-1] for line in listed if re.search(r" [TDBR] ", line)]
    assert len(defined) == len(set(defined)) and {"kws_invoke", "_Z5setupv"} <= set(defined)


def test_a_name_may_be_another_than_the_builds_and_the_folder_is_as_reported(build: Path, tmp_path: Path) -> None:
    result = succeed("export", build, "--as", "pico", "--name", "wake", "-o", tmp_path / "out", "--json").json
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(result["files"]) == written and result["models"] == ["wake"]
    assert "include/wake.h" in written and not any("kws" in path for path in written)
    again = export([build], "pico", tmp_path / "again", "wake")
    assert all(
        (tmp_path / "again" / path).read_bytes() == (tmp_path / "out" / path).read_bytes() for path in again.files
    )


def test_what_cannot_be_exported_is_refused_and_nothing_is_written(build: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    refused(run("export", build, "--as", "cmake", "-o", full), 2, "is not empty")
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    out = tmp_path / "out"
    refused(run("export", build, build, "--as", "cmake", "-o", out), 2, "--name")
    refused(run("export", build, build, "--as", "cmake", "--name", "a", "-o", out), 2, "one build")
    refused(run("export", tmp_path, "--as", "cmake", "-o", out), 2, "holds no build")
    assert not out.exists() and sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_a_build_that_another_edge_tr_lowered_is_refused(build: Path, tmp_path: Path) -> None:
    other = shutil.copytree(build, tmp_path / "other")
    values = json.loads((other / "build.json").read_text())
    (other / "build.json").write_text(json.dumps({**values, "arena_bytes": values["arena_bytes"] + 4}))
    refused(run("export", other, "--as", "cmake", "-o", tmp_path / "out"), 2, "run edge-tr build again")


def test_builds_with_budgets_of_files_and_data_budgets_are_exported(tmp_path: Path) -> None:
    """The example of each runs: the budget that the folder was lowered with again is the build's."""
    (tmp_path / "budget.toml").write_text("[default]\ng = 8\nk = 8\n[layer.conv_2d_2]\nk = 4\n")
    budgets = {"file": tmp_path / "budget.toml", "cut": "g=8,k=12,s=3"}
    for name, budget in budgets.items():
        succeed("build", DIGITS, "--target", "host", "--budget", budget, "--name", name, "-o", tmp_path / name)
    succeed("export", *(tmp_path / name for name in budgets), "--as", "cmake", "-o", tmp_path / "export")
    command("cmake", "-S", tmp_path / "export", "-B", tmp_path / "b")
    command("cmake", "--build", tmp_path / "b")
    for name in budgets:
        assert command(tmp_path / "b" / f"{name}_example").strip() == f"{name}: as the reference"
