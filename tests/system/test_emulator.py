"""Emulators start, say why they do not, and never outlive their owner."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from echo import build

from edge_tr import boards
from edge_tr.errors import DeviceError, ToolMissingError, UsageError
from edge_tr.target import doctor
from edge_tr.target.emulator import emulate, image_file
from edge_tr.target.tools import find_tool, require_tool

BOARD = boards.load("mps2-an386")


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = build(BOARD, tmp_path_factory.mktemp("loader"))
    assert built.loader_elf is not None
    return built.loader_elf


def start(board: boards.Board, state: Path, loader: Path | None = None) -> None:
    with emulate(board, state, loader_elf=loader):
        pass


def test_a_missing_program_names_both_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    expected = "qemu-system-arm is not installed: run `apt-get install qemu-system-arm`, or set EDGE_TR_QEMU_SYSTEM_ARM"
    with pytest.raises(ToolMissingError, match=expected):
        require_tool("qemu-system-arm", "qemu-system-arm")


def test_a_variable_that_points_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loader: Path) -> None:
    monkeypatch.setenv("EDGE_TR_QEMU_SYSTEM_ARM", "/no/qemu")
    with pytest.raises(ToolMissingError, match="EDGE_TR_QEMU_SYSTEM_ARM=/no/qemu is not a program"):
        start(BOARD, tmp_path, loader)


def test_a_program_beside_edge_trs_python_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "some-flasher"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert require_tool("some-flasher", "nothing") == find_tool("some-flasher") == str(program)


def test_a_package_of_npm_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pico = boards.load("rpi-pico")
    image_file(tmp_path).write_bytes(b"any")
    monkeypatch.setenv("EDGE_TR_NODE_MODULES", str(tmp_path / "none"))
    with pytest.raises(ToolMissingError, match="rp2040js is not installed: run `npm install --prefix"):
        start(pico, tmp_path)
    [finding] = [finding for finding in doctor.examine([pico], True) if finding.what == "rp2040js"]
    assert finding.found is None and finding.needed and "npm install" in finding.remedy
    monkeypatch.delenv("EDGE_TR_NODE_MODULES")
    [finding] = [finding for finding in doctor.examine([pico], True) if finding.what == "rp2040js"]
    assert finding.found == "1.4.1"


def test_a_loader_that_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="mps2-an386 starts from a loader, which has not been built: build again"):
        start(BOARD, tmp_path)


def test_an_image_that_was_not_placed(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="netduinoplus2 has no image yet: flash it first"):
        start(boards.load("netduinoplus2"), tmp_path)


def test_a_board_without_an_emulator(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nucleo-g0b1re has no emulator"):
        start(boards.load("nucleo-g0b1re"), tmp_path)


def test_an_emulator_that_fails_says_why(tmp_path: Path, loader: Path) -> None:
    assert BOARD.emulator is not None
    broken = dataclasses.replace(BOARD.emulator, arguments=("-machine", "no-such-machine"))
    with pytest.raises(DeviceError, match=r"the emulator did not start: .*unsupported machine type"):
        start(dataclasses.replace(BOARD, emulator=broken), tmp_path, loader)


def test_it_ends_with_the_context_also_after_an_error(tmp_path: Path, loader: Path) -> None:
    with pytest.raises(ZeroDivisionError), emulate(BOARD, tmp_path, loader_elf=loader) as running:
        raise ZeroDivisionError
    assert running.process.poll() is not None


def test_it_dies_with_a_killed_owner(tmp_path: Path, loader: Path) -> None:
    program = (
        "import sys, time, pathlib; from edge_tr import boards; from edge_tr.target.emulator import emulate\n"
        f"with emulate(boards.load({BOARD.name!r}), pathlib.Path(sys.argv[1]), "
        "loader_elf=pathlib.Path(sys.argv[2])) as running:\n"
        "    print(running.process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program, tmp_path, loader], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    emulator = int(owner.stdout.readline())
    assert _runs(emulator)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 10
    while _runs(emulator) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(emulator)


def test_a_script_that_runs_the_emulator_leaves_none_behind(tmp_path: Path) -> None:
    """PyPI's `node` is one: what it started has another process number."""
    image_file(tmp_path).write_bytes(bytes(64))
    with emulate(boards.load("rpi-pico"), tmp_path):
        started = _with_argument(str(image_file(tmp_path)))
        assert any(map(_runs, started))
    deadline = time.monotonic() + 10
    while any(map(_runs, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, started))


def _with_argument(text: str) -> list[int]:
    """Processes that were started with it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may end meanwhile
            if text.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def _runs(pid: int) -> bool:
    """Neither gone nor waiting to be reaped."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
