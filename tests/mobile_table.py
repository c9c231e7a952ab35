"""Write docs/benchmarks-mobile.md: `python -m tests.mobile_table`, or `make bench`.

Mobile networks that no kernel was made for, with random weights, counted like the models of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from edge_tr import bench, compiler
from edge_tr.errors import DoesNotFitError
from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.benchmarks import G0B1RE, L4R5ZI, M4, Platform
from edge_tr.report.markdown import markdown_table
from edge_tr.target.count_provenance import commit
from tests.models.large_networks import fd_mobilenet, narrow_mobilenet_v2

ROOT = Path(__file__).resolve().parents[1]
NETWORKS: Mapping[str, Callable[[], bytes]] = {
    "FD-MobileNet 0.25, 128 x 128": fd_mobilenet,
    "MobileNetV2 0.35, 128 x 128": narrow_mobilenet_v2,
}
BARS = {M4: 1.8, L4R5ZI: None, G0B1RE: 3.9}
"""Platforms, with the cycles a MAC that are the goal there."""
LARGE = 0.02
"""Share of the cycles from which a layer's planned cycles are compared with the counted ones."""
HEAD = ("network", "platform", "million MACs", "M cycles", "cycles/MAC", "bar", "flash KB", "RAM KB", "plan off by")
INTRODUCTION = """\
Mobile networks with random weights (`tests/models/large_networks.py`): RELU6 at two scales, linear bottlenecks, and
other zero points than the benchmark's. Built lossless with default options and counted as docs/benchmarks.md says,
every tensor equal to golden's; on boards with the memory that is simulated there, elsewhere at zero wait states. *plan
off by*: the largest difference between planned and counted cycles of a layer that takes more than 2 % of them, and that
layer's kernel. Estimates from instruction streams, not measurements of boards."""


def counted(name: str, platform: Platform, folder: Path) -> BenchReport | None:
    """One network on one platform; None: it does not fit."""
    build = folder / f"{NETWORKS[name].__name__}-{platform.board}"
    build.mkdir(parents=True, exist_ok=True)
    model = build / "model.tflite"
    model.write_bytes(NETWORKS[name]())
    limits = {"flash_limit": platform.flash_limit, "ram_limit": platform.ram_limit}
    try:
        compiler.build(model, platform.board, build / "build", **limits)
    except DoesNotFitError:
        return None
    return bench.bench(build / "build")


def row(name: str, platform: Platform, report: BenchReport | None) -> tuple[str, ...]:
    """Cells of the table."""
    where, bar = platform.name, BARS[platform]
    if report is None:
        return (name, where, *[""] * 6, "does not fit")
    macs = sum(layer.macs for layer in report.layers)
    cycles = report.cycles_with_memory or report.cycles_estimated
    off, kernel = max(((off_by(layer), layer.kernel) for layer in report.layers if compared(layer)), key=_size)
    sizes = (f"{size / 1000:.1f}" for size in (report.flash_bytes, report.ram_bytes))
    figures = (f"{macs / 1e6:.1f}", f"{cycles / 1e6:.2f}", f"{cycles / macs:.2f}", f"{bar or ''}", *sizes)
    return (name, where, *figures, f"{off:+.1%}, `{kernel}`")


def compared(layer: LayerBench) -> bool:
    """Whether the layer is planned, and large enough."""
    return layer.cycles_planned is not None and layer.share > LARGE


def off_by(layer: LayerBench) -> float:
    """Of planned cycles, relative to the counted ones."""
    return layer.cycles_planned / (layer.cycles_with_memory or layer.cycles_estimated) - 1


def _size(found: tuple[float, str]) -> float:
    return abs(found[0])


def text(rows: Sequence[Sequence[str]], made_at: str) -> str:
    """The page."""
    table = markdown_table([HEAD, *rows], left=2)
    return f"# Mobile networks\n\nWritten by `make bench` at commit {made_at}.\n\n{INTRODUCTION}\n\n{table}"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mobile_table", description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "mobile", help="folder for builds")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks-mobile.md")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    keys = [(name, platform) for name in NETWORKS for platform in BARS]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        reports = [pool.submit(counted, *key, arguments.folder) for key in keys]
        rows = [row(*key, report.result()) for key, report in zip(keys, reports)]
    arguments.out.write_text(text(rows, commit(ROOT)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
