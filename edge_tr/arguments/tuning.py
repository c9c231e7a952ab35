"""Arguments of tune."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_tr.arguments.values import length
from edge_tr.arguments.verb import model_argument
from edge_tr.project import Project


def add_tune(command: argparse.ArgumentParser, defaults: Project) -> None:
    model_argument(command, defaults)
    command.add_argument(
        "--calibration", type=Path, required=defaults.calibration is None, default=defaults.calibration,
        metavar="X.npz", help="at least 100 samples x, with labels y if you have them",
    )  # fmt: skip
    limits = command.add_mutually_exclusive_group(required=True)
    limits.add_argument(
        "--max-loss", type=float, metavar="POINTS", help="lose at most this much accuracy on other data (estimate)"
    )
    limits.add_argument(
        "--max-terms", type=float, metavar="A", help="at most this many terms per MAC (with --group: k / g)"
    )
    limits.add_argument(
        "--max-cycles", type=int, metavar="N", help="at most this many, for layers with weights (estimate)"
    )
    limits.add_argument(
        "--max-flash", type=int, metavar="BYTES", help="at most this much, for layers with weights (estimate)"
    )
    command.add_argument("--confidence", type=float, metavar="C", help="how sure to be of the loss, such as 0.95")
    command.add_argument("--metric", metavar="NAME", help="what may be lost instead of accuracy; see check")
    command.add_argument(
        "--time-budget",
        type=length,
        metavar="T",
        help="such as 90s, 5m or 2h: stop then, and take the best point so far",
    )
    command.add_argument(
        "--target",
        default=defaults.target,
        metavar="BOARD",
        help="the board whose cycles, memory included, and flash count",
    )
    command.add_argument("--core", metavar="NAME", help="costs of another core, as for build")
    command.add_argument("--group", type=int, metavar="G", help="one k for each G weights of a layer, for accelerators")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="FILE", default=Path("budget.toml"), help="default: %(default)s"
    )
    command.add_argument("--data", type=Path, metavar="TEST.npz", help="x and y to report on; never used for tuning")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one for each core)")
    where.add_argument("--cluster", metavar="tcp://HOST:PORT", help="compute on the workers of this Dask scheduler")
