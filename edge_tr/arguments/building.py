"""Arguments of the verbs that make something of a model: build and export."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_tr.arguments.verb import model_argument
from edge_tr.project import Project


def add_build(command: argparse.ArgumentParser, defaults: Project) -> None:
    model_argument(command, defaults)
    command.add_argument(
        "--target", required=defaults.target is None, default=defaults.target, metavar="BOARD",
        help="a name of `edge-tr boards`, or a folder",
    )  # fmt: skip
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", default=defaults.out, help="default: out/MODEL-BOARD"
    )
    command.set_defaults(usual_budget=defaults.budget)
    command.add_argument(
        "--budget",
        action="append",
        default=[],
        help="lossless (default): every term of every weight; g=8,k=12: in each group of 8 weights the 12 largest "
        "terms; g=8,k=12,s=3: besides, of each activation the 3 largest; FILE.toml: by layer; several times, from the "
        "fewest terms on: one build that is switched between them, see `check --budget-level`",
    )
    _add_kernels(command)
    command.add_argument(
        "--name",
        default="tr_model",
        help="of the model in C, the prefix of its functions, macros and header: NAME_invoke() in NAME.h, so that "
        "several models link into one program (default %(default)s, in model.h)",
    )
    command.add_argument("--flash-limit", type=int, metavar="BYTES", help="use less than the board's flash")
    command.add_argument("--ram-limit", type=int, metavar="BYTES", help="use less than the board's RAM")
    _add_protection(command)
    _add_protocols(command)


def _add_kernels(command: argparse.ArgumentParser) -> None:
    from edge_tr.kernels import KERNELS
    from edge_tr.kernels.machines import tables_of
    from edge_tr.lower.cores import CORES
    from edge_tr.lower.select import OBJECTIVES

    command.add_argument(
        "--kernel",
        action="append",
        default=[],
        metavar="[LAYER=]NAME",
        help="how dot products are computed, in all layers or in one (repeatable): "
        + "; ".join(f"{kernel.name}: {kernel.doc}" for kernel in KERNELS),
    )
    command.add_argument(
        "--optimise",
        "--optimize",
        choices=OBJECTIVES,
        default="speed",
        help="choose kernels for least cycles, least product of cycles and flash, or least flash",
    )
    command.add_argument(
        "--core",
        metavar="NAME",
        help="choose by the costs of another core that runs the same code, for a chip with another pipeline or "
        f"multiplier: {', '.join(core for core in CORES if len(tables_of(core)) > 1)}",
    )


def _add_protection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--verify-before-invoke",
        action="store_true",
        help="check the model's constants and code before each inference: none is run on a flipped bit",
    )
    command.add_argument(
        "--sign",
        type=Path,
        metavar="KEY.pem",
        help="sign the image (see keys); the build's loader starts no other, where the board has a loader of ours",
    )
    command.add_argument(
        "--image-version",
        type=int,
        default=0,
        metavar="N",
        help="of a signed image: once it has started, none with a lower one starts (default %(default)s)",
    )


def _add_protocols(command: argparse.ArgumentParser) -> None:
    from edge_tr.codegen import protocols

    command.add_argument(
        "--protocol",
        type=lambda text: text.split(","),
        default=(),
        metavar="NAME[,NAME]",
        help="what the firmware speaks beside edge-tr's frames: mlperf, the text of MLPerf Tiny's runner; st, ST's "
        "stm_ai_runner 3.1 (default: nothing)",
    )
    command.add_argument(
        "--mlperf",
        metavar="NAME",
        help=f"as which benchmark its runner takes the model ({', '.join(protocols.BENCHMARKS)}), which is how inputs "
        "come and results go; default: the one whose inputs and outputs it has",
    )


def add_export(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.codegen.ecosystems import ECOSYSTEMS

    command.add_argument(
        "builds", type=Path, nargs="+", metavar="DIR", help="what `build` wrote; several share a runtime"
    )
    command.add_argument("--as", dest="ecosystem", required=True, choices=ECOSYSTEMS, help="the kind of project")
    command.add_argument("--name", help="of the model in C, instead of what `build --name` said")
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", help="new or empty; default: out/NAME-KIND")
