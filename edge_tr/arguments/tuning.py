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
        metavar="X.npz", help="x, and labels y if there are: 100 samples or more",
    )  # fmt: skip
    limits = command.add_mutually_exclusive_group(required=True)
    limits.add_argument("--max-loss", type=float, metavar="POINTS", help="of accuracy on other data, estimated")
    limits.add_argument("--max-terms", type=float, metavar="A", help="terms per MAC (with --group: k / g)")
    limits.add_argument("--max-cycles", type=int, metavar="N", help="estimated, of the layers with weights")
    limits.add_argument("--max-flash", type=int, metavar="BYTES", help="estimated, of the layers with weights")
    command.add_argument("--confidence", type=float, metavar="C", help="that the loss is within its goal, such as 0.95")
    command.add_argument("--metric", metavar="NAME", help="that loses, instead of accuracy; as for check")
    command.add_argument(
        "--time-budget", type=length, metavar="T", help="such as 90s, 5m, 2h: then the best point so far is taken"
    )
    command.add_argument(
        "--target", default=defaults.target, metavar="BOARD", help="whose cycles, with its memory, and flash count"
    )
    command.add_argument("--core", metavar="NAME", help="another core's costs, as for build")
    command.add_argument("--group", type=int, metavar="G", help="a fixed k per G weights and layer, for accelerators")
    command.add_argument("-o", dest="out", type=Path, metavar="FILE", default=Path("budget.toml"), help="%(default)s")
    command.add_argument("--data", type=Path, metavar="TEST.npz", help="x, y: to report on, never tuned on")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="%(default)s")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="processes; default: one for each core")
    where.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler whose workers compute instead")
