"""The command line. Results go to stdout (`--json`: as JSON), everything else to stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.resources import as_file
from pathlib import Path

from edge_tr import __version__, bench, boards, compiler, demo, overlays
from edge_tr.errors import EdgeTrError, MismatchError, UsageError
from edge_tr.ir import tflite
from edge_tr.lower.cores import CORES
from edge_tr.lower.kernels import KERNELS
from edge_tr.lower.machines import isa_of, planned_for, tables_of
from edge_tr.lower.select import OBJECTIVES
from edge_tr.report import summary
from edge_tr.report.bench import bench_text
from edge_tr.report.progress import Progress
from edge_tr.tune import report as tune_report
from edge_tr.tune import tuning
from edge_tr.tune.points import Settings
from edge_tr.tune.workers import DaskCluster, LocalProcesses

ALL_LEVELS = -1
DEMO_BOARD = "mps2-an386"
FIRST_STEPS = """\
first steps:
  edge-tr demo                                   all of it, on an emulated board
  edge-tr build MODEL.tflite --target BOARD      BOARD: see edge-tr boards; writes out/MODEL-BOARD
  edge-tr flash out/MODEL-BOARD                  --port /dev/ttyACM0 for a board on a cable
  edge-tr check out/MODEL-BOARD --layers         compare every layer with the reference"""
EXIT_CODES = """\
exit codes: 0 done, 1 bug, 2 usage, 3 unsupported or damaged model, 4 does not fit,
            5 tool missing, 6 port or flashing failed, 7 the device's answers differ"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `edge-tr`; the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except EdgeTrError as error:
        print(f"edge-tr: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-tr: interrupted", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        print("edge-tr: this is a bug of edge-tr, please report it with the lines above", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-tr",
        description=(
            "Turn an int8 TFLite model into firmware whose weights are sums of powers of two, or into a\n"
            "program of the FPGA term accelerator, and check on the device that every byte is right."
        ),
        epilog=f"{FIRST_STEPS}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edge-tr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _command(commands, "inspect", _inspect, "show a model's layers, weights and terms")
    command.add_argument("model", type=Path, metavar="MODEL.tflite")

    command = _command(
        commands, "build", _build, "generate firmware for a board and compile it, or a program for an accelerator"
    )
    command.add_argument("model", type=Path, metavar="MODEL.tflite")
    command.add_argument("--target", required=True, metavar="BOARD", help="a name of `edge-tr boards`, or a folder")
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", help="default: out/MODEL-BOARD")
    command.add_argument(
        "--budget",
        action="append",
        default=[],
        help="lossless (default): every term of every weight; g=8,k=12: in each group of 8 weights the 12 largest "
        "terms; g=8,k=12,s=3: besides, of each activation the 3 largest; FILE.toml: by layer; several times, from the "
        "fewest terms on: one build that is switched between them, see `check --budget-level`",
    )
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
    command.add_argument("--flash-limit", type=int, metavar="BYTES", help="use less than the board's flash")
    command.add_argument("--ram-limit", type=int, metavar="BYTES", help="use less than the board's RAM")

    command = _command(commands, "flash", _flash, "write a build into its board over serial")
    _on_device(command)

    command = _command(commands, "check", _check, "run samples on the board and compare every byte with the reference")
    _on_device(command)
    command.add_argument(
        "--data",
        type=Path,
        metavar="X.npz",
        help="x: inputs (int8, or float32 to be quantised), y: integer labels; default: 10 samples of seeded noise",
    )
    command.add_argument("--limit", type=int, metavar="N", help="only the first N samples")
    command.add_argument("--layers", action="store_true", help="compare every layer's tensor, not only the output")
    command.add_argument(
        "--budget-level",
        metavar="N",
        type=_budget_level,
        help="of a build with several budgets: which to run with, 0 the one with the fewest terms; all (its default): "
        "one after the other, on a board that is not flashed again",
    )

    command = _command(commands, "bench", _bench, "count instructions and estimate cycles of one inference, by layer")
    command.add_argument("build", type=Path, metavar="DIR", help="what `edge-tr build` wrote")
    command.add_argument("--core", metavar="NAME", help=f"another cycle table than the build's: {', '.join(CORES)}")
    command.add_argument(
        "--wait-states",
        type=int,
        default=0,
        metavar="N",
        help="cycles that flash adds to the fetch of every 32-bit word of code (default 0)",
    )

    command = _command(commands, "tune", _tune, "choose which terms to keep, on calibration data without labels")
    command.add_argument("model", type=Path, metavar="MODEL.tflite")
    command.add_argument("--calibration", type=Path, required=True, metavar="X.npz", help="x: 100 inputs or more")
    limits = command.add_mutually_exclusive_group(required=True)
    limits.add_argument("--max-loss", type=float, metavar="POINTS", help="of accuracy, estimated without labels")
    limits.add_argument("--max-terms", type=float, metavar="A", help="terms per MAC (with --group: k / g)")
    limits.add_argument("--max-cycles", type=int, metavar="N", help="estimated, of the layers with weights")
    limits.add_argument("--max-flash", type=int, metavar="BYTES", help="estimated, of the layers with weights")
    command.add_argument("--target", metavar="BOARD", help="whose core cycles and flash are estimated for")
    command.add_argument("--core", metavar="NAME", help="another core's costs, as for build")
    command.add_argument("--group", type=int, metavar="G", help="a fixed k per G weights and layer, for accelerators")
    command.add_argument("-o", dest="out", type=Path, metavar="FILE", default=Path("budget.toml"), help="%(default)s")
    command.add_argument("--data", type=Path, metavar="TEST.npz", help="x, y: to report on, never tuned on")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="%(default)s")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="processes; default: one for each core")
    where.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a Dask scheduler whose workers compute instead")

    _command(commands, "boards", _boards, "list the boards, their memory, and how far each is verified")
    command = _command(commands, "demo", _demo, "build, flash and check the digits model on an emulated board")
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", default=Path("out/demo"), help="default: out/demo")
    return parser


def _command(commands, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=EXIT_CODES)
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("--json", action="store_true", help="print JSON on stdout")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=run)
    return command


def _on_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("build", type=Path, metavar="DIR", help="what `edge-tr build` wrote")
    command.add_argument(
        "--port",
        metavar="URL",
        help="any pyserial URL: /dev/ttyACM0, socket://, rfc2217://; default: the board's emulator "
        "or the accelerator's co-simulation",
    )


def _progress(arguments: argparse.Namespace) -> Progress:
    return Progress(quiet=arguments.quiet)


def _print(arguments: argparse.Namespace, data: object, text: str) -> None:
    """The result, on stdout. A reader that has gone (`| head`) changes nothing, not even the exit code."""
    try:
        print(json.dumps(data, indent=2) if arguments.json else text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails again as it ends
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write the result: {error.strerror}; send stdout elsewhere") from error


def _inspect(arguments: argparse.Namespace) -> int:
    model = summary.describe(tflite.load(arguments.model))
    _print(arguments, model, summary.inspect_text(model))
    return 0


def _build(arguments: argparse.Namespace) -> int:
    out = arguments.out or Path("out") / f"{arguments.model.stem}-{Path(arguments.target).name}"
    try:
        manifest = compiler.build(
            arguments.model,
            arguments.target,
            out,
            budget=arguments.budget or "lossless",
            kernels=arguments.kernel,
            core=arguments.core,
            objective=arguments.optimise,
            flash_limit=arguments.flash_limit,
            ram_limit=arguments.ram_limit,
            progress=_progress(arguments),
        )
    except compiler.NotFitting as error:
        _print(arguments, asdict(error.manifest), summary.build_text(error.manifest))
        raise
    _print(arguments, asdict(manifest), f"{summary.build_text(manifest)}\nwritten to {out}")
    return 0


def _flash(arguments: argparse.Namespace) -> int:
    result = compiler.flash(arguments.build, arguments.port, _progress(arguments))
    _print(arguments, asdict(result), f"{result.image_bytes:,} bytes, {result.method}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    how = dict(data=arguments.data, limit=arguments.limit, layers=arguments.layers, progress=_progress(arguments))
    if arguments.budget_level in (None, ALL_LEVELS) and compiler.levels(arguments.build) > 1:
        report = compiler.check_levels(arguments.build, arguments.port, **how)
        text = summary.levels_text(report)
    else:
        report = compiler.check(arguments.build, arguments.port, level=arguments.budget_level, **how)
        text = summary.check_text(report)
    where = compiler.BuildFolder(arguments.build).report
    _print(arguments, asdict(report), f"{text}\nreport: {where}")
    if not report.bit_exact:
        raise MismatchError(f"{report.mismatched_samples} of {report.samples} samples differ from golden")
    return 0


def _budget_level(text: str) -> int:
    """--budget-level: a number, or ALL_LEVELS."""
    if text == "all":
        return ALL_LEVELS
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0 on nor all")
    return int(text)


def _bench(arguments: argparse.Namespace) -> int:
    report = bench.bench(arguments.build, arguments.core, arguments.wait_states)
    _print(arguments, asdict(report), bench_text(report))
    return 0


def _tune(arguments: argparse.Namespace) -> int:
    names = ("max_loss", "max_terms", "max_cycles", "max_flash")
    goal = tuning.goal_of(**{name: getattr(arguments, name) for name in names})
    if arguments.core is not None and arguments.target is None:
        raise UsageError("--core needs --target: it is another cost of that board's code")
    board = None if arguments.target is None else boards.load(arguments.target)
    isa = "c" if board is None else isa_of(planned_for(board.name, board.core, arguments.core))
    with DaskCluster(arguments.cluster) if arguments.cluster else LocalProcesses(arguments.jobs) as workers:
        result = tuning.tune(
            arguments.model,
            arguments.calibration,
            arguments.out,
            goal,
            settings=Settings(group=arguments.group, seed=arguments.seed, isa=isa),
            data=arguments.data,
            workers=workers,
            progress=_progress(arguments),
        )
    page = arguments.out.with_suffix(".html")
    page.write_text(tune_report.html(result), encoding="utf-8")
    where = f"written: {arguments.out.with_suffix('.toml')}, .tflite, .html; build with --budget"
    _print(arguments, asdict(result), f"{tune_report.text(result)}\n{where}")
    return 0


def _boards(arguments: argparse.Namespace) -> int:
    found = [boards.load(name) for name in boards.names()]
    listed = [
        {
            "name": board.name,
            "description": board.description,
            "core": board.core,
            "flash_bytes": board.memory.flash_bytes,
            "ram_bytes": board.memory.ram_bytes,
            "verified": board.verified,
            "costs_counted_on": board.counts_on or board.name,
            "emulator": board.emulator.program if board.emulator else None,
        }
        for board in found
    ]
    accelerated = [overlays.load(name) for name in overlays.names()]
    listed += [
        {
            "name": board.name,
            "description": board.description,
            "core": board.part,
            "flash_bytes": None,
            "ram_bytes": None,
            "verified": "emulator",
            "costs_counted_on": board.name,
            "emulator": "verilator",
        }
        for board in accelerated
    ]
    _print(arguments, listed, summary.boards_text(found, accelerated))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    progress = _progress(arguments)
    with as_file(demo.MODEL) as model, as_file(demo.TEST_DATA) as data:
        manifest = compiler.build(model, DEMO_BOARD, arguments.out, progress=progress)
        flashed = compiler.flash(arguments.out, progress=progress)
        report = compiler.check(arguments.out, data=data, layers=True, progress=progress)
    where = compiler.BuildFolder(arguments.out).report
    text = [summary.build_text(manifest), "", f"flashed {flashed.image_bytes:,} bytes, {flashed.method}", ""]
    text += [summary.check_text(report), f"report: {where}"]
    _print(arguments, {"build": asdict(manifest), "check": asdict(report)}, "\n".join(text))
    return 0 if report.bit_exact else MismatchError.exit_code


if __name__ == "__main__":
    sys.exit(main())
