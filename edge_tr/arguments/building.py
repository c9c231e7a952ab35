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
        help="a name from `edge-tr boards`, or the folder of a board",
    )  # fmt: skip
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="DIR",
        default=defaults.out,
        help="folder to write (default: out/MODEL-BOARD)",
    )
    command.set_defaults(usual_budget=defaults.budget)
    command.add_argument(
        "--budget",
        action="append",
        default=[],
        help="which terms to keep. lossless (default): all of them; g=8,k=12: the 12 largest in each group of 8 "
        "weights; g=8,k=12,s=3: also cut each activation to its 3 largest terms; FILE.toml: a budget for each layer. "
        "Given several times, from the fewest terms to the most, it makes one build that switches between the budgets, "
        "see `check --budget-level`",
    )
    _add_kernels(command)
    command.add_argument(
        "--name",
        default="tr_model",
        help="the model's name in C, which is the prefix of its functions, macros and header: NAME_invoke() in NAME.h. "
        "Models with different names can be linked into one program (default: %(default)s, in model.h)",
    )
    command.add_argument("--flash-limit", type=int, metavar="BYTES", help="use at most this much of the board's flash")
    command.add_argument("--ram-limit", type=int, metavar="BYTES", help="use at most this much of the board's RAM")
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
        help="how to compute dot products, in all layers or in one (repeatable): "
        + "; ".join(f"{kernel.name}: {kernel.doc}" for kernel in KERNELS),
    )
    command.add_argument(
        "--optimise",
        "--optimize",
        choices=OBJECTIVES,
        default="speed",
        help="what kernels are chosen for: speed (default): fewest cycles; balanced: smallest product of cycles and "
        "flash; size: least flash",
    )
    command.add_argument(
        "--core",
        metavar="NAME",
        help="choose kernels by the costs of another core that runs the same code, for a chip with a different "
        f"pipeline or multiplier: {', '.join(core for core in CORES if len(tables_of(core)) > 1)}",
    )


def _add_protection(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--verify-before-invoke",
        action="store_true",
        help="check the model's constants and code before each inference, and do not run it if a bit has flipped",
    )
    command.add_argument(
        "--sign",
        type=Path,
        metavar="KEY.pem",
        help="sign the image (see `edge-tr keys`); on boards with edge-tr's loader, the loader of this build starts "
        "only images that are signed with this key",
    )
    command.add_argument(
        "--image-version",
        type=int,
        default=0,
        metavar="N",
        help="version of a signed image: once it has started, images with a lower version do not start (default: "
        "%(default)s)",
    )


def _add_protocols(command: argparse.ArgumentParser) -> None:
    from edge_tr.codegen import protocols

    command.add_argument(
        "--protocol",
        type=lambda text: text.split(","),
        default=(),
        metavar="NAME[,NAME]",
        help="protocols to add to edge-tr's own: mlperf: the text protocol of MLPerf Tiny's runner; st: that of ST's "
        "stm_ai_runner 3.1 (default: none)",
    )
    command.add_argument(
        "--mlperf",
        metavar="NAME",
        help=f"the benchmark that the model stands for ({', '.join(protocols.BENCHMARKS)}), which decides how MLPerf "
        "Tiny's runner sends inputs and gets results (default: the one with inputs and outputs of the model's sizes)",
    )


def add_export(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.codegen.ecosystems import ECOSYSTEMS

    command.add_argument(
        "builds",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="folder that `edge-tr build` wrote; several share one runtime",
    )
    command.add_argument("--as", dest="ecosystem", required=True, choices=ECOSYSTEMS, help="the kind of project")
    command.add_argument("--name", help="the model's name in C, instead of that of `build --name`")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="new or empty folder (default: out/NAME-KIND)"
    )
