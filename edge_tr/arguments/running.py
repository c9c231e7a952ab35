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
        help="any pyserial URL: /dev/ttyACM0, socket://, rfc2217://; usb: the board's own, found by its USB ids; a "
        "folder, for boards that are flashed by a copy to their drive; default: the board's emulator or the "
        "accelerator's co-simulation, or usb where there is none",
    )
    command.add_argument("--baud", type=baud, metavar="N", help="another speed of --port than the board's")
    command.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="for a --port that is not there yet (default: 0)"
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
        help="also .npy, .csv, or a folder of images or .wav files. x: samples as the model file or the model inside "
        "takes them (float32 is quantised), or an array for each input by its name or x0, x1, ...; sequences of a "
        "model with states are [sequences, steps, ...]; y: integer labels; classes: their names; "
        "default: seeded noise, 10 samples or 2 sequences of 5 steps",
    )
    command.add_argument("--limit", type=int, metavar="N", help="only the first N samples, or sequences")
    command.add_argument(
        "--metric",
        metavar="NAME",
        help=f"of the first output against y: {', '.join(metrics.NAMES)}; or MODULE:FUNCTION of your own, which gets "
        "all outputs as reals by name and all other arrays of the data by name, and returns a number; computed on the "
        "device's outputs, golden's and the model's as given",
    )
    command.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"what the accelerator's agent behind --port wants to know; default: what {VARIABLE} is",
    )
    command.add_argument("--layers", action="store_true", help="compare every layer's tensor, not only the outputs")
    command.add_argument(
        "--budget-level",
        metavar="N",
        type=budget_level,
        help="of a build with several budgets: which to run with, 0 the one with the fewest terms; all (its default): "
        "one after the other, on a board that is not flashed again",
    )


def add_report(command: argparse.ArgumentParser, defaults: Project) -> None:
    folder_argument(command, defaults, "what `edge-tr build` wrote; its check is shown too")
    command.add_argument("other", type=Path, metavar="DIR2", nargs="?", help="another build, to be compared with")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="FILE", help="default: DIR/report.html, of two builds DIR/comparison.html"
    )
    command.add_argument("--open", action="store_true", help="show it in the browser")


def add_emulate(command: argparse.ArgumentParser, defaults: Project) -> None:
    folder_argument(command, defaults)
    where = command.add_mutually_exclusive_group()
    where.add_argument("--pty", action="store_true", help="its UART is a pseudo-terminal, whose name is printed")
    where.add_argument(
        "--tcp", type=tcp_port, metavar="PORT", help="its UART is this TCP port of this computer (default: a free one)"
    )
    trust_argument(command)


def add_bench(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.lower.cores import CORES

    folder_argument(command, defaults)
    command.add_argument("--core", metavar="NAME", help=f"another cycle table than the build's: {', '.join(CORES)}")
    command.add_argument(
        "--wait-states",
        type=int,
        metavar="N",
        help="of flash, others than the board's (of a board that does not say what it reads through: of 32 bits)",
    )
