"""What the command line takes besides a verb's own arguments: flags anywhere, what was meant, a project, shells."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_tr import project
from edge_tr.arguments import VERBS, parse
from edge_tr.completion import script
from edge_tr.errors import UsageError
from edge_tr.project import Project
from tests.system.helpers import DIGITS, DIGITS_DATA, PROCESS_ENVIRONMENT, refused, run, run_process, succeed

HEAVY = ("numpy", "jinja2", "serial", "tqdm", "tflite")


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], [], ["flash", "--help"], ["buidl"], ["boards", "--ad"]]
)
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    code = "import sys; from edge_tr import cli\ntry: cli.main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=PROCESS_ENVIRONMENT, capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["buidl", "x"], "did you mean build?"),
        (["chekc"], "did you mean check?"),
        (["build", "x.tflite", "--taget", "host"], "did you mean --target?"),
        (["build", "x.tflite", "--target", "host", "--optimze=size"], "did you mean --optimi"),
        (["check", "d", "--layer-s"], "did you mean --layers?"),
    ],
)
def test_what_was_meant_is_said(words: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(words)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and meant in said and said.startswith("usage: edge-tr")


def test_json_and_quiet_stand_anywhere() -> None:
    for words in (["--json", "-q", "boards"], ["boards", "--json", "-q"], ["-q", "boards", "--json"]):
        arguments = parse(words)
        assert arguments.json and arguments.quiet and arguments.verb == "boards"
    assert not parse(["boards"]).json and not parse(["boards"]).quiet
    assert succeed("--json", "boards", "host").json["name"] == "host"


def test_optimise_is_spelt_both_ways() -> None:
    words = ["build", "x.tflite", "--target", "host"]
    for name in ("--optimise", "--optimize"):
        assert parse([*words, name, "size"]).optimise == "size"


def test_interrupted_while_it_imports_it_says_one_line() -> None:
    """Ctrl-C in the first tenths of a second, again and again."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from edge_tr import cli; "
        "print('up', flush=True); sys.exit(cli.main(['boards']))"
    )
    for delay in (0.12, 0.3, 0.6):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=PROCESS_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "up\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        assert said in ("edge-tr: interrupted\n", "") and process.returncode in (130, 0)


# --- a project's file --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.tflite").write_bytes(DIGITS.read_bytes())
    stored = np.load(DIGITS_DATA)
    np.savez(tmp_path / "few.npz", x=stored["x"][:4], y=stored["y"][:4])
    return tmp_path


def test_in_a_projects_folder_commands_need_no_arguments(folder: Path) -> None:
    ran = succeed("init", "--target", "host", "--data", "few.npz")
    assert "written: edge-tr.toml" in ran.out
    assert project.read() == Project(model=Path("digits.tflite"), target="host", data=Path("few.npz"))
    built = succeed("build", "--json").json
    assert built["model"] == "digits.tflite" and built["target"] == "host"
    assert (folder / "out" / "digits-host" / "build.json").is_file()
    succeed("flash")
    checked = succeed("check", "--json").json
    assert checked["samples"] == 4 and checked["bit_exact"] and checked["accuracy"] is not None
    assert succeed("report", "--json").json["page"] == "out/digits-host/report.html"
    refused(run("init"), 2, "edge-tr.toml exists already")


def test_the_command_line_comes_before_the_file(folder: Path) -> None:
    text = 'model = "digits.tflite"\ntarget = "pynq-z2"\nbudget = ["g=8,k=8", "lossless"]\nout = "o"\n'
    (folder / "edge-tr.toml").write_text(text)
    arguments = parse(["build", "--target", "host", "--budget", "lossless"])
    assert arguments.target == "host" and arguments.budget == ["lossless"] and arguments.out == Path("o")
    assert parse(["build"]).usual_budget == ("g=8,k=8", "lossless") and parse(["flash"]).build == Path("o")
    assert parse(["flash", "other"]).build == Path("other")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('taget = "host"', "unknown key taget: did you mean target?"),
        ("target = 3", "target must be text"),
        ("budget = [1]", "budget must be text or a list of texts"),
        ("= 1", "edge-tr.toml cannot be read"),
    ],
)
def test_a_wrong_file_is_said(folder: Path, text: str, said: str) -> None:
    (folder / "edge-tr.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        project.read()
    refused(run("boards"), 2, said)


def test_which_model_is_asked_where_there_are_several(folder: Path) -> None:
    (folder / "other.tflite").touch()
    refused(run("init"), 2, "which model? there is digits.tflite, other.tflite here")


# --- clean -------------------------------------------------------------------------------------


def test_clean_removes_what_build_wrote_and_nothing_else(folder: Path) -> None:
    succeed("build", "digits.tflite", "--target", "host", "-o", "b")
    (folder / "b" / "notes.txt").write_text("mine")
    before = sum(1 for path in (folder / "b").rglob("*") if path.is_file() and ".edge-tr" not in path.parts) - 1
    (removed,) = succeed("clean", "b", "--json").json
    assert removed["files"] == before and removed["bytes"] > 10_000
    assert [path.name for path in (folder / "b").iterdir() if path.name != ".edge-tr"] == ["notes.txt"]
    refused(run("clean", "b"), 2, "neither a build of edge-tr nor a budget of tune")
    refused(run("clean", "."), 2, "nothing was removed")


def test_clean_removes_the_points_that_tune_keeps(folder: Path) -> None:
    (folder / "budget.work").mkdir()
    (folder / "budget.work" / "a.npz").write_bytes(b"1234")
    (folder / "budget.work" / "mine.txt").write_text("mine")
    assert "1 files, 4 bytes removed" in succeed("clean", "budget.toml").out
    assert (folder / "budget.work" / "mine.txt").is_file() and not (folder / "budget.work" / "a.npz").exists()
    refused(run("clean", "other.toml"), 2, "tune has kept no points")


# --- shells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["bu"], ["build"]),
        (["build", "--opt"], ["--optimise", "--optimize"]),
        (["build", "--optimise", ""], ["speed", "balanced", "size"]),
        (["completion", "b"], ["bash"]),
    ],
)
def test_bash_completes_verbs_options_and_choices(words: list[str], completed: list[str], tmp_path: Path) -> None:
    (tmp_path / "edge-tr.bash").write_text(script("bash"))
    line = f"source {tmp_path}/edge-tr.bash; COMP_WORDS=(edge-tr {' '.join(word or chr(39) * 2 for word in words)}); "
    line += f'COMP_CWORD={len(words)}; _edge_tr; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed and done.stderr == ""


def test_every_verb_is_completed_by_every_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        text = succeed("completion", shell).out
        assert all(verb.name in text for verb in VERBS) and "--flash-limit" in text.replace("-l ", "--")
    assert json.loads(run_process("completion", "fish", "--json").out)["shell"] == "fish"
