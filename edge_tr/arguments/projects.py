"""Arguments of the verbs around a project: init, data, boards, doctor, keys and the small ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_tr.arguments.values import size
from edge_tr.arguments.verb import model_argument
from edge_tr.project import Project

DOCTOR_CODES = """\
exit codes: 0 nothing is missing that is needed, 2 usage, 5 a compiler, an emulator, the reference
            interpreter or (of BOARD) every flasher is missing, 6 a port may not be opened"""
_DATA = (
    "a folder of images (PNG, JPEG) or of .wav files, in which each subfolder is a class; or a .csv file with a row "
    "for each sample and a column y; or a .npy file"
)


def add_init(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "model", type=Path, nargs="?", metavar="MODEL.tflite", help="the model (default: the only one in the folder)"
    )
    command.add_argument("--target", metavar="BOARD", help="a name from `edge-tr boards`, or a board's folder")
    command.add_argument("--data", type=Path, metavar="X.npz", help="samples for `edge-tr check`")
    command.add_argument("--port", metavar="URL", help="the board's port, for flash and check")


def add_inspect(command: argparse.ArgumentParser, defaults: Project) -> None:
    model_argument(command, defaults)


def add_data(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("action", choices=("make",), help="make: write an .npz file of samples and labels")
    command.add_argument("source", type=Path, metavar="SOURCE", help=_DATA)
    command.add_argument("-o", dest="out", type=Path, metavar="X.npz", required=True, help="file to write")
    command.add_argument("--size", type=size, metavar="HEIGHTxWIDTH", help="resize images (bilinear)")
    command.add_argument("--grey", action="store_true", help="convert images to one channel")
    command.add_argument(
        "--scale", type=float, metavar="A", help="x becomes float32 x * A + B, for example 0.00392157 for 1/255"
    )
    command.add_argument("--offset", type=float, default=0.0, metavar="B", help="see --scale (default: 0)")


def add_keys(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="NAME",
        default=Path("edge-tr"),
        help="NAME.pem and NAME.pub.pem are written (default: %(default)s)",
    )


def add_boards(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("board", nargs="?", metavar="BOARD", help="show everything about this board")
    change = command.add_mutually_exclusive_group()
    change.add_argument("--add", type=Path, metavar="FOLDER", help="make a board of your own known by its name")
    change.add_argument("--remove", metavar="NAME", help="forget a board that was added; its folder stays")


def add_doctor(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("board", nargs="?", metavar="BOARD", help="only what this board needs, including its flasher")


def add_clean(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH",
        help="a folder that `build` wrote: removes everything that it wrote; a budget that `tune` wrote (budget.toml): "
        "removes the points that it keeps in budget.work",
    )  # fmt: skip


def add_completion(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("shell", choices=("bash", "zsh", "fish"), help='for bash: eval "$(edge-tr completion bash)"')


def add_demo(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", default=Path("out/demo"), help="folder to write (default: out/demo)"
    )
