"""The verbs: build, flash and check, as functions. The CLI only prints what they return."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edge_tr import boards, overlays
from edge_tr.compiler import mcu, overlay
from edge_tr.compiler.common import Progress, no_progress, samples, writing_to
from edge_tr.compiler.mcu import NotFitting
from edge_tr.errors import UsageError
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder, Manifest, OverlayManifest
from edge_tr.report.html import html_report
from edge_tr.target import check as device_check
from edge_tr.target.flash import FlashResult

__all__ = ["BuildFolder", "NotFitting", "Progress", "build", "check", "flash", "no_progress"]


def build(
    model: Path,
    target: str,
    out: Path,
    *,
    budget: str = "lossless",
    kernels: Sequence[str] = (),
    core: str | None = None,
    objective: str = "speed",
    flash_limit: int | None = None,
    ram_limit: int | None = None,
    progress: Progress = no_progress,
) -> Manifest | OverlayManifest:
    """Build `model` for the board called `target` into the folder `out`, see `mcu.build` and `overlay.build`.

    UsageError for choices that the target does not have.
    """
    if not overlays.is_overlay(target):
        return mcu.build(
            model, target, out, budget=budget, kernels=kernels, core=core, objective=objective,
            flash_limit=flash_limit, ram_limit=ram_limit, progress=progress,
        )  # fmt: skip
    if kernels or core or flash_limit or ram_limit or objective != "speed":
        raise UsageError(f"{target} is an accelerator: kernels, cores and memory limits are for microcontrollers")
    return overlay.build(model, target, out, budget=budget, progress=progress)


def flash(path: Path, port: str | None = None, progress: Progress = no_progress) -> FlashResult:
    """Put a build onto its board: through `port`, or into the memory of the emulated board."""
    folder, manifest = _open(path)
    if isinstance(manifest, OverlayManifest):
        raise UsageError(
            f"{manifest.target} is not flashed: copy the folder, for example scp -r {path} xilinx@pynq:, and there run "
            "sudo -E python validate.py, or agent.py for edge-tr check"
        )
    return mcu.flash(folder, boards.load(manifest.board_folder or manifest.target), port, progress)


def check(
    path: Path,
    port: str | None = None,
    *,
    data: Path | None = None,
    limit: int | None = None,
    layers: bool = False,
    progress: Progress = no_progress,
) -> device_check.CheckReport:
    """Run samples on the board and compare with golden and the interpreter; writes check.json and report.html."""
    folder, manifest = _open(path)
    graph, revealed = tflite.load(folder.model), tflite.load(folder.revealed)
    if graph.sha256 != manifest.model_sha256:
        raise UsageError(f"{folder.model} is not the model of this build: run edge-tr build again")
    x, y = samples(graph, data, limit)
    models = device_check.Models(folder.model.read_bytes(), folder.revealed.read_bytes(), graph, revealed)
    with _connect(folder, manifest, port, progress) as device:
        report = device_check.check(device, manifest, models, x, y, layers=layers, progress=progress)
    report = replace(report, connection=port or device.connection)
    with writing_to(folder):
        folder.check_json.write_text(report.to_json(), encoding="utf-8")
        folder.report.write_text(html_report(manifest, report), encoding="utf-8")
    return report


def _open(path: Path) -> tuple[BuildFolder, Manifest | OverlayManifest]:
    folder = BuildFolder(path)
    manifest = folder.read()
    needed = folder.program if isinstance(manifest, OverlayManifest) else folder.image
    if not manifest.fits or not needed.is_file():
        raise UsageError(f"{path} holds an unfinished build: run edge-tr build again")
    return folder, manifest


@contextlib.contextmanager
def _connect(
    folder: BuildFolder, manifest: Manifest | OverlayManifest, port: str | None, progress: Progress
) -> Iterator[device_check.Device]:
    """The device behind `port`, or a stand-in that runs while the context lasts."""
    board = manifest.board_folder or manifest.target
    if isinstance(manifest, OverlayManifest):
        with overlay.connect(overlays.load(board), folder, manifest, port, progress) as device:
            yield device
    else:
        with mcu.connect(boards.load(board), folder, port) as device:
            yield device
