"""Build folders: held by one command, changed whole or not at all, without links; only one's own programs are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_tr import boards, overlays
from edge_tr.bench import trace_build
from edge_tr.errors import UsageError
from edge_tr.files import known
from edge_tr.files.locks import HIDDEN, locked
from edge_tr.manifest import BuildFolder
from tests.system.helpers import DIGITS, DIGITS_DATA, PROCESS_ENVIRONMENT, refused, run, small_board, succeed
from tests.system.killed import contents, events_of, killed_at


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build for the host that was flashed and checked."""
    folder = tmp_path_factory.mktemp("folders") / "host"
    succeed("build", DIGITS, "--target", "host", "-o", folder)
    succeed("flash", folder)
    succeed("check", folder, "--data", DIGITS_DATA, "--limit", 1)
    return folder


@pytest.fixture
def built(made: Path, tmp_path: Path) -> Path:
    """A copy, which is as good."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


# --- one command at a time -----------------------------------------------------------------


@pytest.fixture
def holder(built: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the folder."""
    code = "import sys, pathlib; from edge_tr.files.locks import locked\n"
    code += "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(built)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=PROCESS_ENVIRONMENT, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    "command", [("build", DIGITS, "--target", "host", "-o"), ("flash",), ("check",)], ids=lambda c: c[0]
)
def test_a_folder_in_use_is_refused_with_who_has_it(command: tuple, built: Path, holder: subprocess.Popen) -> None:
    before = contents(built)
    refused(run(*command, built), 2, f"{built} is in use by process {holder.pid} (-c {built})", "wait until it ends")
    assert contents(built) == before


def test_counting_holds_the_folder_too(built: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(UsageError, match=f"is in use by process {holder.pid}"):
        trace_build(built)


def test_a_lock_ends_with_its_process_however_that_ends(built: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait()
    assert (built / HIDDEN / "lock").exists()
    succeed("flash", built)
    assert not (built / HIDDEN).exists()


def test_two_builds_into_one_new_folder_at_once_are_one_build_and_one_refusal(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "edge_tr.cli", "build", str(DIGITS), "--target", "host", "-o", str(tmp_path / "out")]
    both = [subprocess.Popen(words, env=PROCESS_ENVIRONMENT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) in ([0, 0], [0, 2]), said  # one after the other, where one was slow to start
    assert all("Traceback" not in text for text in said)
    assert all("is in use by process" in text for text, code in zip(said, codes) if code)
    succeed("flash", tmp_path / "out")


def test_a_tuning_in_use_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "budget.work"
    work.mkdir()
    with locked(work):
        ran = run("tune", DIGITS, "--calibration", DIGITS_DATA, "--max-loss", 1, "-o", tmp_path / "budget.toml")
    refused(ran, 2, f"{work} is in use by process {os.getpid()}")


# --- whole or not at all -------------------------------------------------------------------

COMMANDS = {
    "build": ("build", DIGITS, "--target", "host", "--budget", "k=4", "-o"),
    "flash": ("flash",),
    "check": ("check", "--data", DIGITS_DATA, "--limit", 2),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_killed_leaves_the_old_files_or_the_new_ones(name: str, built: Path, tmp_path: Path) -> None:
    """SIGKILL at file operations in the folder, from the first to the last."""
    if name == "flash":
        shutil.rmtree(built / "emulator")
    shutil.copytree(built, done := tmp_path / "done")
    events = events_of([*COMMANDS[name], done])
    old, new = contents(built), contents(done)
    assert events > 10 and old != new
    for at in sorted({1, *range(2, events, max(1, events // 6)), *range(events - 4, events + 1)}):
        shutil.copytree(built, folder := tmp_path / f"at-{at}")
        killed_at([*COMMANDS[name], folder], at)
        ran = run("check", folder, "--port", "nowhere://")  # opens the folder, and gets no further
        assert ran.code == 2 and "nowhere" in ran.err, ran
        assert contents(folder) in (old, new), f"killed at file operation {at} of {events}"
        shutil.rmtree(folder)


def test_a_build_that_fails_leaves_the_old_one(built: Path, tmp_path: Path) -> None:
    before = contents(built)
    tiny = small_board(tmp_path, flash_bytes=0x2000)
    refused(run("build", DIGITS, "--target", tiny, "-o", built), 4, "does not fit")
    refused(run("build", DIGITS, "--target", "host", "--kernel", "nope=int8", "-o", built), 2, "--kernel names nope")
    assert contents(built) == before
    succeed("check", built, "--limit", 1)


def test_a_check_that_fails_leaves_the_old_reports(built: Path) -> None:
    before = contents(built)
    (built / "emulator" / "placed-image").unlink()
    refused(run("check", built), 6, "flash it first")
    assert contents(built) == {name: data for name, data in before.items() if name != "emulator/placed-image"}


@pytest.mark.parametrize("bytes_left", [0, 3000, 100_000])
def test_a_full_disk_is_one_message_and_nothing_is_lost(bytes_left: int, built: Path) -> None:
    """RLIMIT_FSIZE stands in for it: files of this and of the compiler's processes end there."""
    for name, command in COMMANDS.items():
        before = contents(built)
        ran = limited([*map(str, command), str(built)], bytes_left)
        assert "Traceback" not in ran.stderr and ran.returncode in (0, 2), (name, ran.stderr)
        if ran.returncode:
            assert ran.stderr.count("edge-tr: ") == 1 and contents(built) == before, (name, ran.stderr)
        assert bytes_left or ran.returncode == 2


def limited(arguments: list[str], file_bytes: int) -> subprocess.CompletedProcess:
    code = "import resource, sys; from edge_tr import cli\n"
    code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({file_bytes}, {file_bytes})); sys.exit(cli.main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, *arguments]
    return subprocess.run(words, env=PROCESS_ENVIRONMENT, capture_output=True, text=True)


def test_tuning_on_a_full_disk_is_one_message(tmp_path: Path) -> None:
    words = ["tune", str(DIGITS), "--calibration", str(DIGITS_DATA), "--max-terms", "2", "--jobs", "1"]
    ran = limited([*words, "-o", str(tmp_path / "budget.toml")], 0)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr and "File too large" in ran.stderr, ran.stderr


@pytest.mark.parametrize("place", ["/proc/self", "/dev/null"])
def test_places_that_nobody_can_write_to(place: str) -> None:
    out = f"{place}/edge-tr"
    refused(run("build", DIGITS, "--target", "host", "-o", out), 2, f"cannot write to {out}")
    words = ("tune", DIGITS, "--calibration", DIGITS_DATA, "--max-loss", 1, "-o", f"{out}.toml")
    refused(run(*words), 2, f"cannot keep points in {out}.work")


# --- links and names ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["src", "obj", "emulator", "build.json", "check.json", "firmware.bin", HIDDEN])
@pytest.mark.parametrize("command", COMMANDS)
def test_links_in_a_build_folder_are_refused_and_not_followed(
    name: str, command: str, built: Path, tmp_path: Path
) -> None:
    outside, link = tmp_path / "outside", built / name
    if link.exists():
        link.rename(outside)
    else:
        outside.mkdir()
    link.symlink_to(outside)
    before = contents(outside) if outside.is_dir() else outside.read_bytes()
    refused(run(*COMMANDS[command], built), 2, f"{link} is a symbolic link, which a build folder must not contain")
    assert (contents(outside) if outside.is_dir() else outside.read_bytes()) == before


def test_a_link_deep_inside_and_a_pipe_are_refused_too(built: Path, tmp_path: Path) -> None:
    (built / "src" / "model" / "mine.c").symlink_to(tmp_path)
    refused(run("flash", built), 2, "src/model/mine.c is a symbolic link")
    (built / "src" / "model" / "mine.c").unlink()
    (built / "revealed.tflite").unlink()
    os.mkfifo(built / "revealed.tflite")
    refused(run("check", built), 2, "revealed.tflite is neither a file nor a folder")


def test_what_is_half_made_in_a_received_folder_reaches_nothing_outside(built: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    ready = built / HIDDEN / "ready"
    ready.mkdir(parents=True)
    for names in ('["../victim"]', f'["{tmp_path}/victim"]', '"x"', "[1]", '["src/../../victim"]', "{", "[[" * 9999):
        (ready / "obsolete.json").write_text(names)
        refused(run("flash", built), 2, "is damaged", "remove it, and build again")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("length", [300, 5000])
def test_long_names(length: int, tmp_path: Path) -> None:
    name = "b" * length
    refused(run("build", DIGITS, "--target", name, "-o", tmp_path / "out"), 2, "unknown board 'bbb")
    refused(run("build", DIGITS, "--target", "host", "-o", tmp_path / name), 2, "File name too long")
    refused(run("build", name, "--target", "host"), 2, "File name too long")
    refused(run("flash", tmp_path / name), 2, "name too long")
    refused(run("check", tmp_path / name), 2, "name too long")
    refused(run("tune", DIGITS, "--calibration", name, "--max-loss", 1), 2, "File name too long")


# --- whose program is run ---------------------------------------------------------------------


@pytest.fixture
def received(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The build as another user of edge-tr gets it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-state"))
    return built


@pytest.mark.parametrize("command", ["flash", "check"])
def test_a_received_program_of_this_computer_needs_trust(command: str, received: Path) -> None:
    program = received / "firmware.bin"
    words = ("is not a build that you made here", f"`edge-tr {command}` would run its program {program}", "--trust")
    refused(run(command, received), 2, *words)
    succeed(command, received, "--trust")


def test_a_copied_build_of_ones_own_runs_and_a_changed_one_does_not(built: Path) -> None:
    for command in ("flash", "check"):
        succeed(command, built)
    (built / "notes.txt").write_text("mine")
    succeed("check", built)
    with (built / "emulator" / "placed-image").open("ab") as placed:
        placed.write(b"changed")
    refused(run("check", built), 2, "it was changed since")
    with (built / "firmware.bin").open("ab") as program:
        program.write(b"changed")
    refused(run("flash", built), 2, "it was changed since")


def test_boards_that_ship_run_a_received_build_and_other_boards_emulators_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path / "ships")
    board = small_board(tmp_path)
    succeed("build", DIGITS, "--target", board, "-o", tmp_path / "own")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-state"))
    succeed("flash", tmp_path / "ships")
    named = f"would run the emulator of {board}: qemu-system-arm -machine"
    for command in ("flash", "check"):
        refused(run(command, tmp_path / "own"), 2, named)


def test_a_target_that_is_a_path_is_not_a_board_that_ships(received: Path, tmp_path: Path) -> None:
    """build.json chooses the board, so a stranger does."""
    board = small_board(tmp_path)
    text = (received / "build.json").read_text()
    (received / "build.json").write_text(text.replace('"target": "host"', f'"target": "{board}"'))
    refused(run("flash", received), 2, f"would run the emulator of {board}")


def test_a_build_is_forgotten_only_after_many_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(known, "MOST", 3)
    for number in range(5):
        known.remember(f"{number:064}")
        os.utime(tmp_path / "edge-tr" / "builds" / f"{number:064}", (number, number))
    assert [known.is_known(f"{number:064}") for number in range(5)] == [False, False, True, True, True]


def test_a_build_without_a_state_folder_says_what_that_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/self")
    ran = succeed("build", DIGITS, "--target", "host", "-o", tmp_path / "out")
    assert "flash and check will ask for --trust" in ran.err
    refused(run("flash", tmp_path / "out"), 2, "--trust")


def test_a_host_program_that_is_empty_or_cut_is_not_flashed(built: Path) -> None:
    program = (built / "firmware.bin").read_bytes()
    for damaged in (b"", program[:-1], program[:-1] + b"?"):
        (built / "firmware.bin").write_bytes(damaged)
        refused(run("flash", built, "--trust"), 6, "the program is damaged", "build again")


# --- boards anywhere -------------------------------------------------------------------------


def test_a_board_folder_anywhere_builds_and_its_mistakes_are_the_users(tmp_path: Path) -> None:
    board = Path(shutil.copytree(boards.load("nucleo-g0b1re").folder, tmp_path / "mine"))
    toml = (board / "board.toml").read_text()
    (board / "board.toml").write_text(toml.replace('"nucleo-g0b1re"', '"mine"', 1))
    out = tmp_path / "out"
    succeed("build", DIGITS, "--target", board, "-o", out)
    before = contents(out)
    source = (board / "board.c").read_text()
    for mistake, words in (("int x = ;", "error: expected expression"), ('#error "no"', "#error")):
        (board / "board.c").write_text(f"{source}\n{mistake}\n")
        refused(run("build", DIGITS, "--target", board, "-o", out), 2, f"the board in {board} does not build", words)
    (board / "board.c").write_text(source.replace("tr_board_init", "tr_board_begin"))
    refused(run("build", DIGITS, "--target", board, "-o", out), 2, f"the board in {board} does not build")
    assert contents(out) == before


def test_kernels_are_refused_with_several_budgets(tmp_path: Path) -> None:
    words = ("--target", "mps2-an386", "--budget", "g=8,k=4", "--budget", "lossless", "-o", tmp_path / "out")
    refused(
        run("build", DIGITS, *words, "--kernel", "fours"), 2, "--kernel fours is not for builds with several budgets"
    )
    one = ("--target", "mps2-an386", "-o", tmp_path / "out", "--kernel", "levels")
    refused(run("build", DIGITS, *one), 2, "--kernel levels is not for builds with one budget")
    built = succeed("build", DIGITS, *words)
    assert "no kernels take less flash" not in built.out
    assert "several budgets have one kernel" in built.out
    assert BuildFolder(tmp_path / "out").read().levels[1].budget == "lossless"


# --- the accelerator's package ------------------------------------------------------------------


@pytest.mark.long
def test_a_received_package_needs_trust_and_nothing_beside_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed("build", DIGITS, "--target", overlays.names()[0], "-o", tmp_path / "out")
    for name in ("json", "numpy", "edge_tr"):
        (tmp_path / "out" / f"{name}.py").write_text("raise SystemExit('imported from the build folder')\n")
    monkeypatch.chdir(tmp_path / "out")
    check = ("check", tmp_path / "out", "--limit", 1)
    succeed(*check)
    agent = tmp_path / "out" / "edge_tr_pynq" / "agent.py"
    agent.write_text(agent.read_text() + "\n# mine\n")
    refused(run(*check), 2, f"would run its Python package {agent.parent}", "--trust")
    succeed(*check, "--trust")
