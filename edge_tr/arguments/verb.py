"""A verb of the command line, and the arguments that several verbs take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_tr.project import Project

EXIT_CODES = """\
exit codes: 0 done, 1 bug, 2 usage, 3 unsupported or damaged model, 4 does not fit,
            5 tool missing, 6 port or flashing failed, 7 the device's answers differ"""


@dataclass(frozen=True)
class Verb:
    """`text` says what it does; `add` gives a parser its arguments, with defaults from the project's file. Imports are
    in `add`: only the verb that is asked for costs time."""

    name: str
    text: str
    add: Callable[[argparse.ArgumentParser, Project], None]
    epilog: str = EXIT_CODES


def model_argument(command: argparse.ArgumentParser, defaults: Project) -> None:
    optional = {} if defaults.model is None else {"nargs": "?", "default": defaults.model}
    command.add_argument("model", type=Path, metavar="MODEL.tflite", **optional)


def folder_argument(
    command: argparse.ArgumentParser, defaults: Project, text: str = "folder that `edge-tr build` wrote"
) -> None:
    optional = {} if defaults.folder is None else {"nargs": "?", "default": defaults.folder}
    command.add_argument("build", type=Path, metavar="DIR", help=text, **optional)


def trust_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--trust",
        action="store_true",
        help="run the programs in the build (for this computer, an emulator, a Python package) although you did not "
        "build it here: they can do whatever you can",
    )
