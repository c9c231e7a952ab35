"""The verbs: build, flash and check, as functions. The CLI only prints what they return."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_tr import boards, overlays
from edge_tr.boards import Board
from edge_tr.codegen.naming import DEFAULT, named
from edge_tr.codegen.protocols import wanted
from edge_tr.compiler import mcu, mcu_boards, overlay, overlay_boards
from edge_tr.compiler import trust as trust_in
from edge_tr.compiler.cleaning import clean
from edge_tr.compiler.common import Progress, no_progress, samples
from edge_tr.compiler.export import ExportResult, export
from edge_tr.compiler.folders import opened
from edge_tr.compiler.mcu import NotFitting
from edge_tr.compiler.reports import write_comparison, write_report
from edge_tr.compiler.sealing import UNPROTECTED, Protect
from edge_tr.compiler.trust import require, run_by, run_by_package, run_to_flash
from edge_tr.compiler.tuned import tune
from edge_tr.errors import UsageError
from edge_tr.files.changes import changing
from edge_tr.files.writing import writing_to
from edge_tr.golden.samples import class_names
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder, Manifest, OverlayManifest
from edge_tr.metrics import Metric, metric_of
from edge_tr.report.pages import html_report
from edge_tr.target import check as device_check
from edge_tr.target.costs import Device
from edge_tr.target.emulator import RunningBoard
from edge_tr.target.flash import FlashResult
from edge_tr.target.flash_files import listed
from edge_tr.target.outcome import CheckReport, LevelsReport
from edge_tr.target.port import DIRECT, Line

__all__ = [
    "BuildFolder",
    "ExportResult",
    "NotFitting",
    "Progress",
    "Protect",
    "build",
    "check",
    "check_levels",
    "clean",
    "emulated",
    "export",
    "files",
    "flash",
    "is_own",
    "levels",
    "no_progress",
    "tune",
    "write_comparison",
    "write_report",
]  # fmt: skip


def build(
    model: Path,
    target: str,
    out: Path,
    *,
    budget: str | Sequence[str] = "lossless",
    kernels: Sequence[str] = (),
    core: str | None = None,
    objective: str = "speed",
    flash_limit: int | None = None,
    ram_limit: int | None = None,
    protect: Protect = UNPROTECTED,
    name: str = DEFAULT.prefix,
    protocols: Sequence[str] = (),
    mlperf: str | None = None,
    progress: Progress = no_progress,
) -> Manifest | OverlayManifest:
    """Build `model` for the board called `target` into the folder `out`, see `mcu.build` and `overlay.build`.

    `budget`: one, or several nested ones from the fewest terms on; `name`: the prefix of the model's functions in C;
    `protocols`: that the image speaks beside frames, and as which of MLPerf Tiny's benchmarks (`codegen.protocols`).
    UsageError for choices that the target does not have.
    """
    budgets, naming = (budget,) if isinstance(budget, str) else tuple(budget), named(name)
    spoken = wanted(protocols, mlperf)
    if not overlays.is_overlay(target):
        return mcu.build(
            model, target, out, budgets=budgets, kernels=kernels, core=core, objective=objective,
            flash_limit=flash_limit, ram_limit=ram_limit, protect=protect, naming=naming, spoken=spoken,
            progress=progress,
        )  # fmt: skip
    if kernels or core or flash_limit or ram_limit or objective != "speed":
        raise UsageError(f"{target} is an accelerator: kernels, cores and memory limits are for microcontrollers")
    if naming != DEFAULT:
        raise UsageError(f"{target} is an accelerator: names in C are for microcontrollers")
    if spoken.names:
        raise UsageError(
            f"{target} is an accelerator: its agent speaks only edge-tr's frames; --protocol is for firmware"
        )
    if protect != UNPROTECTED:
        raise UsageError(f"{target} is an accelerator: checks of memory and signatures are for microcontrollers")
    return overlay.build(model, target, out, budgets=budgets, progress=progress)


def flash(
    path: Path,
    port: str | None = None,
    progress: Progress = no_progress,
    trust: bool = False,
    line: Line = DIRECT,
) -> FlashResult:
    """Put a build onto its board: through `port`, or into the memory of the emulated board.

    `trust`: run what the build brings, though it is not this user's own, see `trust.require`.
    """
    with opened(path) as (folder, manifest):
        if isinstance(manifest, OverlayManifest):
            board = overlays.load(manifest.board_folder or manifest.target)
            if board.serial:
                if not (trust or overlays.ships(board)):
                    require(folder, f"a flasher of {board.folder}", "edge-tr flash")
                return overlay_boards.flash(folder, board)
            raise UsageError(
                f"{manifest.target} is not flashed: copy the folder, for example scp -r {path} xilinx@pynq:, and there "
                "run sudo -E python validate.py, or agent.py for edge-tr check"
            )
        board = boards.load(manifest.board_folder or manifest.target)
        if not trust:
            require(folder, run_to_flash(board, folder, port), "edge-tr flash")
        return mcu_boards.flash(folder, board, port, progress, line)


@contextlib.contextmanager
def emulated(
    path: Path, *, trust: bool = False, progress: Progress = no_progress
) -> Iterator[tuple[Board, Callable[[], RunningBoard]]]:
    """A build's emulated board, and what starts it; the folder is not held meanwhile."""
    with contextlib.ExitStack() as stack:
        with opened(path) as (folder, manifest):
            if isinstance(manifest, OverlayManifest):
                raise UsageError(f"{manifest.target} has no firmware: edge-tr check runs it in co-simulation")
            board = boards.load(manifest.board_folder or manifest.target)
            if not trust:
                require(folder, run_by(board, folder), "edge-tr emulate")
            start = stack.enter_context(mcu_boards.emulated(folder, board, progress))
        yield board, start


def files(path: Path) -> str:
    """What of a build's files flashers take, for people; nothing for accelerators and programs of this computer."""
    with opened(path) as (folder, manifest):
        if isinstance(manifest, OverlayManifest):
            return ""
        board = boards.load(manifest.board_folder or manifest.target)
        return listed(board, folder) if board.toolchain.freestanding else ""


def check(
    path: Path,
    port: str | None = None,
    *,
    data: Path | None = None,
    limit: int | None = None,
    layers: bool = False,
    level: int | None = None,
    metric: str | None = None,
    line: Line = DIRECT,
    trust: bool = False,
    token: bytes | None = None,
    progress: Progress = no_progress,
) -> CheckReport:
    """Run samples on the board and compare with golden and the interpreter; writes check.json and report.html.

    `metric`: a figure beside accuracy, see `edge_tr.metrics`.

    `level`: which of the build's budgets, 0 the one with the fewest terms; None: that with the most. `trust` as for
    `flash`; `token`: of an accelerator's agent behind `port`.
    """
    with opened(path) as (folder, manifest), _reporting(folder) as reports:
        chosen = len(manifest.levels) - 1 if level is None else _level(path, manifest, level)
        asked = _Asked(port, line, data, limit, layers, _metric(metric), trust, token, progress)
        (report,) = _run(folder, manifest, [chosen], asked)
        _write(reports, manifest, report, report.to_json())
    return report


def check_levels(
    path: Path,
    port: str | None = None,
    *,
    data: Path | None = None,
    limit: int | None = None,
    layers: bool = False,
    metric: str | None = None,
    line: Line = DIRECT,
    trust: bool = False,
    token: bytes | None = None,
    progress: Progress = no_progress,
) -> LevelsReport:
    """`check` with every budget that the build holds, one after the other, on a board that is not loaded again."""
    with opened(path) as (folder, manifest), _reporting(folder) as reports:
        asked = _Asked(port, line, data, limit, layers, _metric(metric), trust, token, progress)
        found = _run(folder, manifest, range(len(manifest.levels)), asked)
        report = LevelsReport.of(found)
        _write(reports, manifest, found[-1], report.to_json(), report)
    return report


def levels(path: Path) -> int:
    """How many budgets a build holds."""
    with opened(path) as (_, manifest):
        return len(manifest.levels)


def is_own(path: Path) -> bool:
    """Whether `flash` and `check` run this build without `trust`."""
    with opened(path) as (folder, _):
        return trust_in.is_own(folder)


def _level(path: Path, manifest: Manifest | OverlayManifest, level: int) -> int:
    """The level, if the build has several and this among them."""
    count = len(manifest.levels)
    if count == 1:
        raise UsageError(f"{path} was built with one budget: give edge-tr build --budget several times for more")
    if not 0 <= level < count:
        names = ", ".join(f"{n} ({of.budget})" for n, of in enumerate(manifest.levels))
        raise UsageError(f"--budget-level {level}: this build has {names}")
    return level


def _metric(name: str | None) -> Metric | None:
    return None if name is None else metric_of(name)


@dataclass(frozen=True)
class _Asked:
    """What a check was told."""

    port: str | None
    line: Line
    data: Path | None
    limit: int | None
    layers: bool
    metric: Metric | None
    trust: bool
    token: bytes | None
    progress: Progress


def _run(
    folder: BuildFolder, manifest: Manifest | OverlayManifest, wanted: Sequence[int], asked: _Asked
) -> list[CheckReport]:
    """One of each level in `wanted`, over one connection."""
    graph = tflite.load(folder.model)
    if graph.sha256 != manifest.model_sha256:
        raise UsageError(f"{folder.model} is not the model of this build: run edge-tr build again")
    computed = {tensor for op in graph.ops for tensor in (*op.outputs, *op.updates)}
    if not all(layer.tensor_index in computed for layer in manifest.layers):
        raise UsageError(f"{folder.manifest_file} is damaged (it has layers that are not in the model): build again")
    x, labels = samples(graph, asked.data, asked.limit, labelled=asked.metric is not None)
    revealed = tuple(tflite.read_file(folder.revealed_of(level)) for level in manifest.levels)
    models = device_check.Models(tflite.read_file(folder.model), revealed)
    with _connect(folder, manifest, asked) as device:
        found = [
            device_check.check(
                device,
                manifest,
                models,
                x,
                labels,
                layers=asked.layers,
                level=level,
                metric=asked.metric,
                classes=() if asked.data is None else class_names(asked.data),
                progress=asked.progress,
            )
            for level in wanted
        ]
    return [replace(report, connection=asked.port or device.connection) for report in found]


@contextlib.contextmanager
def _reporting(folder: BuildFolder) -> Iterator[BuildFolder]:
    """A place for reports, which get theirs together; UsageError before all work if there can be none."""
    with changing(folder.path) as staged:
        yield BuildFolder(staged)


def _write(
    folder: BuildFolder,
    manifest: Manifest | OverlayManifest,
    report: CheckReport,
    data: str,
    levels: LevelsReport | None = None,
) -> None:
    """check.json and report.html."""
    with writing_to(folder.path):
        folder.check_json.write_text(data, encoding="utf-8")
        folder.report.write_text(html_report(manifest, report, levels), encoding="utf-8", errors="replace")


@contextlib.contextmanager
def _connect(folder: BuildFolder, manifest: Manifest | OverlayManifest, asked: _Asked) -> Iterator[Device]:
    """The device behind the port, or a stand-in that runs while the context lasts."""
    name, port = manifest.board_folder or manifest.target, asked.port
    allowed = asked.trust or port is not None
    if isinstance(manifest, OverlayManifest):
        board = overlays.load(name)
        if not asked.trust and (board.serial or port is None):
            require(folder, run_by_package(folder.package), "edge-tr check")
        with overlay_boards.connect(board, folder, manifest, port, asked.line, asked.token, asked.progress) as device:
            yield device
    else:
        board = boards.load(name)
        if not allowed:
            require(folder, run_by(board, folder), "edge-tr check")
        with mcu_boards.connect(board, folder, port, asked.line) as device:
            yield device
