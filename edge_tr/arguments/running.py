"""Arguments of the verbs that take a build: flash, check, emulate, bench and report."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_tr.arguments.values import baud, budget_level, seconds, tcp_port
from edge_tr.arguments.verb import folder_argument, trust_argument
from edge_tr.project import Project


def add_on_device(command: argparse.ArgumentParser, defaults: Project) -> None:
    folder_argument(command, defaults)
    command.add_argument(
        "--port",
        default=defaults.port,
        metavar="URL",
        help="any pyserial URL: /dev/ttyACM0, socket://, rfc2217://; usb: the board's own port, found by its USB ids; "
        "a folder, for boards that are flashed by a copy to their drive (default: the board's emulator or the "
        "accelerator's co-simulation; for boards with neither, usb)",
    )
    command.add_argument("--baud", type=baud, metavar="N", help="speed of --port, if it is not the board's")
    command.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="how long to wait until --port exists (default: 0)"
    )
    trust_argument(command)


def add_check(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr import metrics
    from edge_tr.target.token import VARIABLE

    add_on_device(command, defaults)
    command.add_argument(
        "--data",
        type=Path,
        default=defaults.data,
        metavar="X.npz",
        help="samples: .npz, .npy, .csv, or a folder of images or .wav files. In an .npz file, x holds samples as the "
        "model file or the int8 model inside takes them (float32 is quantised); with several inputs there is an array "
        "for each, by its name or as x0, x1, ...; sequences for a model with states are [sequences, steps, ...]; y "
        "holds integer labels, and classes their names (default: seeded noise, 10 samples or 2 sequences of 5 steps)",
    )
    command.add_argument("--limit", type=int, metavar="N", help="run only the first N samples or sequences")
    command.add_argument(
        "--metric",
        metavar="NAME",
        help=f"the figure to compute from the first output and y: {', '.join(metrics.NAMES)}; or MODULE:FUNCTION of "
        "your own, which is given all outputs as real numbers by name and all other arrays of the data by name, and "
        "returns a number. It is computed for the outputs of the device, of golden and of the model as given",
    )
    command.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"file with the token of the accelerator's agent behind --port (default: the value of {VARIABLE})",
    )
    command.add_argument("--layers", action="store_true", help="compare every layer's tensor, not only the outputs")
    command.add_argument(
        "--budget-level",
        metavar="N",
        type=budget_level,
        help="for a build with several budgets: the one to run with, where 0 has the fewest terms; all (default): each "
        "in turn, without flashing the board again",
    )


def add_report(command: argparse.ArgumentParser, defaults: Project) -> None:
    folder_argument(command, defaults, "folder that `edge-tr build` wrote; the last check is shown too")
    command.add_argument("other", type=Path, metavar="DIR2", nargs="?", help="another build, to compare with")
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="FILE",
        help="file to write (default: DIR/report.html; for two builds, DIR/comparison.html)",
    )
    command.add_argument("--open", action="store_true", help="open the page in the browser")


def add_emulate(command: argparse.ArgumentParser, defaults: Project) -> None:
    folder_argument(command, defaults)
    where = command.add_mutually_exclusive_group()
    where.add_argument("--pty", action="store_true", help="serve its UART on a pseudo-terminal, and print the name")
    where.add_argument(
        "--tcp",
        type=tcp_port,
        metavar="PORT",
        help="serve its UART on this TCP port of this computer (default: a free one)",
    )
    trust_argument(command)


def add_bench(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.lower.cores import CORES

    folder_argument(command, defaults)
    command.add_argument("--core", metavar="NAME", help=f"cycle table of another core: {', '.join(CORES)}")
    command.add_argument(
        "--wait-states",
        type=int,
        metavar="N",
        help="wait states of flash, instead of the board's (if the board's memory is not described: of flash of 32 "
        "bits)",
    )
