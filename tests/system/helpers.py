"""The command line as tests call it, and builds to call it on."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from edge_tr import boards, cli, demo, resources
from edge_tr.manifest import BuildFolder
from edge_tr.target.emulator import flash_file

DIGITS = Path(str(demo.MODEL))
DIGITS_DATA = Path(str(demo.TEST_DATA))
ALL_BOARDS = boards.names()
ROOMY = tuple(name for name in ALL_BOARDS if boards.load(name).memory.flash_bytes >= 1 << 16)
"""Boards that the digits model fits."""
EMULATED = tuple(name for name in ALL_BOARDS if boards.load(name).emulator)
_BEST_LAST = sorted(ROOMY, key=lambda name: (name in EMULATED, name))
ONE_OF_EACH_CORE = tuple({boards.load(name).toolchain.cflags: name for name in _BEST_LAST}.values())
"""Of boards whose compiler is told the same; emulated ones, where there are any."""
WITH_LOADER = tuple(name for name in EMULATED if boards.load(name).loader)
FLASH_FILE_ORIGIN = {
    name: 0x8000_0000 if "rv32" in name else boards.load(name).memory.flash_origin for name in WITH_LOADER
}
"""Address of the first byte of the file behind an emulated board's memory: RISC-V's whole RAM, the MPS2's PSRAM."""
PROCESS_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(resources.folder("boards").parent)}


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """What --json printed; stdout must hold nothing else."""
        return json.loads(self.out)

    @property
    def message(self) -> str:
        """The last line of stderr, without the program's name."""
        return self.err.strip().splitlines()[-1].removeprefix("edge-tr: ")


def run(*arguments: object) -> Ran:
    """The command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as usage:  # argparse
            code = int(usage.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


def run_process(*arguments: object, cwd: Path | None = None, **environment: str) -> Ran:
    """The command as its own process."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_tr.cli", *map(str, arguments)],
        cwd=cwd,
        env={**PROCESS_ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def succeed(*arguments: object) -> Ran:
    """`run`, which must end well."""
    ran = run(*arguments)
    assert ran.code == 0, ran.err
    return ran


def placed(folder: Path, board: str, state: Path | None = None) -> bytes:
    """What lies in a board's emulated flash, kept in `state`, where the image of the build in `folder` belongs."""
    image = BuildFolder(folder).image.read_bytes()
    with flash_file(state or BuildFolder(folder).state).open("rb") as file:
        file.seek(boards.load(board).memory.flash_origin - FLASH_FILE_ORIGIN[board])
        return file.read(len(image))


def place(folder: Path, board: str) -> None:
    """Flash the build in `folder` for tests of what comes after that.

    A board with a loader has the image in its memory at once, as `test_check` shows that the loader leaves it; the
    transfer takes an emulator as long as all the rest.
    """
    if board not in WITH_LOADER:
        succeed("flash", folder)
        return
    build, memory = BuildFolder(folder), boards.load(board)
    build.state.mkdir(parents=True, exist_ok=True)
    with flash_file(build.state).open("wb") as file:
        file.truncate(memory.emulator.flash_file_bytes)
        file.seek(memory.memory.flash_origin - FLASH_FILE_ORIGIN[board])
        file.write(build.image.read_bytes())


def refused(ran: Ran, code: int, *words: str) -> str:
    """The one message of a command that must end with `code`; it holds `words` and no traceback."""
    assert ran.code == code, ran
    assert "Traceback" not in ran.err
    lines = [line for line in ran.err.splitlines() if line.startswith("edge-tr: ")]
    assert len(lines) == 1, ran.err
    for word in words:
        assert word in ran.err, ran.err
    return lines[0]


def small_board(parent: Path, name: str = "mps2-an386", **memory: int) -> Path:
    """A copy of a board as a folder, with other numbers in its [memory]."""
    shutil.copytree(resources.folder("boards") / "common", parent / "common", dirs_exist_ok=True)
    folder = parent / "small"
    shutil.copytree(resources.folder("boards") / name, folder)
    text = (folder / "board.toml").read_text().replace(f'name = "{name}"', 'name = "small"', 1)
    lines = []
    for line in text.splitlines():
        key = line.partition("=")[0].strip()
        lines.append(f"{key} = {memory[key]}" if key in memory else line)
    (folder / "board.toml").write_text("\n".join(lines))
    return folder
