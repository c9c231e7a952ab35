"""`import edge_tr`: the verbs of the command line for Python, with results that a notebook shows.

Every function is one of `compiler`'s, which the command line calls too; errors are the classes of `edge_tr.errors`.
Paths may be strings; a model is a path or what `load` gives, a build a folder or what `build` gives.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_tr import compiler
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder, Manifest, OverlayManifest
from edge_tr.report import checked, summary, tuned
from edge_tr.target.flash import FlashResult
from edge_tr.target.outcome import CheckReport
from edge_tr.tuning.tuning import Tuning

PathLike = str | os.PathLike[str]


class Shown:
    """A result that prints as the command line prints it, in notebooks too."""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclass(frozen=True, repr=False)
class Model(Shown):
    """A model file that can be built. `graph` holds its tensors and operators."""

    path: Path
    graph: Graph

    def __str__(self) -> str:
        return summary.inspect_text(summary.describe(self.graph))

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r})"


@dataclass(frozen=True, repr=False)
class Build(Shown):
    """A build folder, and what `build.json` in it says."""

    folder: Path
    manifest: Manifest | OverlayManifest

    def __str__(self) -> str:
        return summary.build_text(self.manifest)

    def __repr__(self) -> str:
        return f"Build({str(self.folder)!r})"


@dataclass(frozen=True)
class Flashed(Shown):
    """What was written to a board, and how."""

    result: FlashResult

    def __str__(self) -> str:
        return f"{self.result.image_bytes:,} bytes, {self.result.method}"


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """A board's answers compared with the reference. `page` is the report as an HTML file."""

    report: CheckReport
    page: Path

    @property
    def bit_exact(self) -> bool:
        """Whether every byte that was compared equals the reference."""
        return self.report.bit_exact

    def __str__(self) -> str:
        return checked.check_text(self.report)

    def __repr__(self) -> str:
        return f"Checked(bit_exact={self.bit_exact}, samples={self.report.samples})"


@dataclass(frozen=True, repr=False)
class Tuned(Shown):
    """A budget that was found. `budget` is the file that `build` takes."""

    budget: Path
    result: Tuning

    def __str__(self) -> str:
        return tuned.text(self.result)

    def __repr__(self) -> str:
        return f"Tuned({str(self.budget)!r})"


def load(path: PathLike) -> Model:
    """Read a model file. ModelError if it is damaged, UsageError if it cannot be read."""
    return Model(Path(path), tflite.load(Path(path)))


def build(
    model: PathLike | Model,
    target: str,
    out: PathLike | None = None,
    *,
    budget: str | Sequence[str] = "lossless",
    kernels: Sequence[str] = (),
    objective: str = "speed",
    core: str | None = None,
    flash_limit: int | None = None,
    ram_limit: int | None = None,
    protocols: Sequence[str] = (),
    mlperf: str | None = None,
    name: str | None = None,
) -> Build:
    """Build a model for the board called `target`, into the folder `out` (default: out/MODEL-BOARD).

    `budget`: one budget, or several from the fewest terms to the most; `objective`: speed, balanced or size;
    `flash_limit`, `ram_limit`: bytes; `name`: the model's name in C. ModelError if something in the model is not
    supported, DoesNotFitError if it is too large, ToolMissingError without a compiler, UsageError for a wrong argument.
    """
    path = _model(model)
    folder = Path("out") / f"{path.stem}-{Path(target).name}" if out is None else Path(out)
    manifest = compiler.build(
        path, target, folder, budget=budget, kernels=kernels, core=core, objective=objective, flash_limit=flash_limit,
        ram_limit=ram_limit, protocols=protocols, mlperf=mlperf, **({} if name is None else {"name": name}),
    )  # fmt: skip
    return Build(folder, manifest)


def flash(build: PathLike | Build, port: str | None = None, *, trust: bool = False) -> Flashed:
    """Write a build to its board: through `port` (any pyserial URL), or into the memory of the emulated board.

    `trust`: run programs in the build although this user did not build it here. DeviceError if flashing fails.
    """
    return Flashed(compiler.flash(_folder(build), port, trust=trust))


def check(
    build: PathLike | Build,
    port: str | None = None,
    *,
    data: PathLike | None = None,
    limit: int | None = None,
    layers: bool = False,
    level: int | None = None,
    metric: str | None = None,
    trust: bool = False,
) -> Checked:
    """Run samples on the board and compare every byte with the reference; a difference is reported, not raised.

    `data`: an .npz file (default: seeded noise); `limit`: only so many samples; `layers`: compare every layer's tensor,
    not only the outputs; `level`: which of several budgets (default: the one with the most terms); `metric`: as on the
    command line. DeviceError if the board does not answer.
    """
    folder = _folder(build)
    report = compiler.check(
        folder, port, data=None if data is None else Path(data), limit=limit, layers=layers, level=level, metric=metric,
        trust=trust,
    )  # fmt: skip
    return Checked(report, BuildFolder(folder).report)


def tune(
    model: PathLike | Model,
    calibration: PathLike,
    out: PathLike = "budget.toml",
    *,
    max_loss: float | None = None,
    max_terms: float | None = None,
    max_cycles: int | None = None,
    max_flash: int | None = None,
    confidence: float | None = None,
    metric: str | None = None,
    time_budget: float | None = None,
    target: str | None = None,
    data: PathLike | None = None,
    seed: int = 0,
    jobs: int | None = None,
) -> Tuned:
    """Choose which terms to keep, by the samples in the .npz file `calibration`, so that a goal is met.

    Give one goal. `max_loss`: loss of accuracy on other data in percentage points (estimated), or of another `metric`
    in its own unit; `max_terms`: terms per MAC; `max_cycles`, `max_flash`: of the layers with weights, for the core of
    `target`. `confidence`: how sure to be that a loss is within the goal; `time_budget`: seconds; `data`: samples to
    report on. The best point is always written; UsageError if it does not reach the goal.
    """
    budget = Path(out).with_suffix(".toml")
    result = compiler.tune(
        _model(model), Path(calibration), budget, max_loss=max_loss, max_terms=max_terms, max_cycles=max_cycles,
        max_flash=max_flash, confidence=confidence, metric=metric,
        time_budget=time_budget, target=target, data=None if data is None else Path(data), seed=seed, jobs=jobs,
    )  # fmt: skip
    return Tuned(budget, result)


def _model(model: PathLike | Model) -> Path:
    return model.path if isinstance(model, Model) else Path(model)


def _folder(build: PathLike | Build) -> Path:
    return build.folder if isinstance(build, Build) else Path(build)
