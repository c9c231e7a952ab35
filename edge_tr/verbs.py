"""The verbs: each takes its arguments, prints what it found, and returns the exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import as_file

from edge_tr import bench, boards, compiler, completion, demo, overlays, project
from edge_tr.arguments import ALL_LEVELS, printable
from edge_tr.compiler import fitting
from edge_tr.errors import DeviceError, MismatchError, ToolMissingError, UsageError
from edge_tr.files import datasets, registered
from edge_tr.ir import tflite
from edge_tr.report import checked, summary, terminal, tuned
from edge_tr.report.bench import bench_text
from edge_tr.report.boards import board_text, boards_text
from edge_tr.report.doctor import doctor_text
from edge_tr.report.fits import fits_text
from edge_tr.target import doctor, serve
from edge_tr.target.port import Line, refuse_to_guess
from edge_tr.target.signing import make_keys
from edge_tr.target.token import read_token

DEMO_BOARD = "mps2-an386"


def _print(arguments: argparse.Namespace, data: object, text: str) -> None:
    """The result, on stdout. A reader that has gone (`| head`) changes nothing, not even the exit code."""
    try:
        print(json.dumps(data, indent=2) if arguments.json else _encodable(_laid_out(text)), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails again as it ends
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write the result: {error.strerror}; send stdout elsewhere") from error


def _line(arguments: argparse.Namespace) -> Line:
    if arguments.port is None and (arguments.baud is not None or arguments.wait):
        raise UsageError("--baud and --wait need --port: they apply to a serial port")
    interactive = sys.stdin is not None and sys.stdin.isatty() and not arguments.json
    return Line(arguments.baud, arguments.wait, _ask if interactive else refuse_to_guess)


def _ask(what: str, found: Sequence[str]) -> str:
    """Which one, from the keyboard."""
    print(f"{what}:", *(f"  {number}: {name}" for number, name in enumerate(found, 1)), sep="\n", file=sys.stderr)
    print(f"which one? [1-{len(found)}] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if not answer.isdecimal() or not 1 <= int(answer) <= len(found):
        return refuse_to_guess(what, found)
    return found[int(answer) - 1]


def _laid_out(text: str) -> str:
    """For a terminal, or a reader who expects the same lines."""
    text = terminal.wrapped(text)
    return terminal.coloured(text) if terminal.wants_colour(sys.stdout, os.environ) else text


def _encodable(text: str) -> str:
    """Names of files that are no text, and terminals that lack a character."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _inspect(arguments: argparse.Namespace) -> int:
    graph = tflite.load(arguments.model)
    model, fits = summary.describe(graph), fitting.fits(graph)
    _print(arguments, model | {"boards": list(map(asdict, fits))}, f"{summary.inspect_text(model)}\n{fits_text(fits)}")
    return 0


def _build(arguments: argparse.Namespace) -> int:
    out = arguments.out or project.build_folder(arguments.model, arguments.target)
    try:
        manifest = compiler.build(
            arguments.model,
            arguments.target,
            out,
            budget=arguments.budget or arguments.usual_budget or "lossless",
            kernels=arguments.kernel,
            core=arguments.core,
            objective=arguments.optimise,
            flash_limit=arguments.flash_limit,
            ram_limit=arguments.ram_limit,
            protect=compiler.Protect(arguments.verify_before_invoke, arguments.sign, arguments.image_version),
            name=arguments.name,
            protocols=arguments.protocol,
            mlperf=arguments.mlperf,
            progress=arguments.progress,
        )
    except compiler.NotFitting as error:
        _print(arguments, asdict(error.manifest), summary.build_text(error.manifest))
        raise
    files = compiler.files(out)
    listing = f"\nfor flashers: {files}" if files else ""
    _print(arguments, asdict(manifest), f"{summary.build_text(manifest)}{listing}\nwritten to {out}")
    if not compiler.is_own(out):
        print("edge-tr: flash and check will ask for --trust: the state folder cannot be written", file=sys.stderr)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    result = compiler.export(arguments.builds, arguments.ecosystem, arguments.out, arguments.name)
    text = f"{', '.join(result.models)} for {result.ecosystem}: {len(result.files)} files, README.md says how to build"
    _print(arguments, asdict(result), f"{text}\nwritten to {result.folder}")
    return 0


def _keys(arguments: argparse.Namespace) -> int:
    keys = make_keys(arguments.out)
    text = f"{keys.private}: keep it secret, for edge-tr build --sign\n{keys.public}: public key {keys.public_key}"
    _print(arguments, asdict(keys), text)
    return 0


def _flash(arguments: argparse.Namespace) -> int:
    result = compiler.flash(arguments.build, arguments.port, arguments.progress, arguments.trust, _line(arguments))
    _print(arguments, asdict(result), f"{result.image_bytes:,} bytes, {result.method}")
    return 0


def _emulate(arguments: argparse.Namespace) -> int:
    """Until it is interrupted: that is how it ends well."""
    progress = arguments.progress
    with (
        compiler.emulated(arguments.build, trust=arguments.trust, progress=progress) as (board, start),
        serve.clients(arguments.pty, arguments.tcp or 0) as source,
        contextlib.suppress(KeyboardInterrupt),
    ):
        running = start()
        text = f"{board.name}, emulated: {source.name}, {board.link.baud} baud; Ctrl-C ends it"
        _print(arguments, {"board": board.name, "port": source.name, "baud": board.link.baud}, text)
        serve.serve(running, source)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    how = dict(data=arguments.data, limit=arguments.limit, layers=arguments.layers, progress=arguments.progress)
    how |= dict(
        metric=arguments.metric,
        line=_line(arguments),
        trust=arguments.trust,
        token=read_token(arguments.token_file, os.environ),
    )
    if arguments.budget_level in (None, ALL_LEVELS) and compiler.levels(arguments.build) > 1:
        report = compiler.check_levels(arguments.build, arguments.port, **how)
        text = checked.levels_text(report)
    else:
        report = compiler.check(arguments.build, arguments.port, level=arguments.budget_level, **how)
        text = checked.check_text(report)
    where = compiler.BuildFolder(arguments.build).report
    _print(arguments, asdict(report), f"{text}\nreport: {where}")
    if not report.bit_exact:
        raise MismatchError(f"{report.mismatched_samples} of {report.samples} samples differ from golden")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    if arguments.other is None:
        page = compiler.write_report(arguments.build, arguments.out)
    else:
        page = compiler.write_comparison(arguments.build, arguments.other, arguments.out)
    _print(arguments, {"page": str(page)}, f"written: {page}")
    if arguments.open and not webbrowser.open(page.resolve().as_uri()):
        raise ToolMissingError(f"no browser was found: open {page} yourself")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    report = bench.bench(arguments.build, arguments.core, arguments.wait_states)
    _print(arguments, asdict(report), bench_text(report))
    return 0


def _tune(arguments: argparse.Namespace) -> int:
    limits = ("max_loss", "max_terms", "max_cycles", "max_flash")
    result = compiler.tune(
        arguments.model,
        arguments.calibration,
        arguments.out,
        **{name: getattr(arguments, name) for name in limits},
        target=arguments.target,
        confidence=arguments.confidence,
        metric=arguments.metric,
        time_budget=arguments.time_budget,
        core=arguments.core,
        group=arguments.group,
        seed=arguments.seed,
        data=arguments.data,
        jobs=arguments.jobs,
        cluster=arguments.cluster,
        progress=arguments.progress,
        say=lambda text: print(f"edge-tr: {printable(text)}", file=sys.stderr),
    )
    out = arguments.out.with_suffix(".toml")
    kept = f"{out.with_suffix('.work')}, {len(result.rows)} points; edge-tr clean {out} removes them"
    where = f"written: {out}, .tflite, .html; build with --budget {out}\nkept for the next time: {kept}"
    _print(arguments, asdict(result), f"{tuned.text(result)}\n{where}")
    return 0


def _boards(arguments: argparse.Namespace) -> int:
    if arguments.add is not None:
        board = boards.register(arguments.add)
        _print(arguments, {"added": board.name, "folder": str(board.folder)}, f"{board.name} is {board.folder} now")
        return 0
    if arguments.remove is not None:
        registered.remove(arguments.remove)
        _print(arguments, {"removed": arguments.remove}, f"{arguments.remove} is forgotten; its folder stays")
        return 0
    if arguments.board is not None:
        board = boards.load(arguments.board)
        _print(arguments, _described(board), board_text(board))
        return 0
    found = _all_boards()
    listed = [_described(board) for board in found]
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
            "flash": None,
            "unverified": [],
            "folder": str(board.folder),
        }
        for board in accelerated
    ]
    _print(arguments, listed, boards_text(found, accelerated))
    return 0


def _all_boards() -> list[boards.Board]:
    """Those that ship, and the user's own; one of these that is broken is said, and left out."""
    found = [boards.load(name) for name in boards.names()]
    for name in registered.folders():
        try:
            found.append(boards.load(name))
        except UsageError as error:
            print(f"edge-tr: {printable(str(error))}", file=sys.stderr)
    return found


def _described(board: boards.Board) -> dict[str, object]:
    """A board as plain data."""
    return {
        "name": board.name,
        "description": board.description,
        "core": board.core,
        "flash_bytes": board.memory.flash_bytes,
        "ram_bytes": board.memory.ram_bytes,
        "verified": board.verified,
        "costs_counted_on": board.counts_on or board.name,
        "emulator": board.emulator.program if board.emulator else None,
        "flash": {
            "protocol": board.flash.protocol,
            "drive": board.flash.drive or None,
            "programs": {command.program: command.install for command in board.flash.commands},
            "help": board.flash.help,
        },
        "unverified": list(board.unverified),
        "folder": str(board.folder),
    }


def _doctor(arguments: argparse.Namespace) -> int:
    one = arguments.board is not None
    found = doctor.examine([boards.load(arguments.board)] if one else _all_boards(), one)
    _print(arguments, [asdict(finding) for finding in found], doctor_text(found))
    missing = [finding.what for finding in found if finding.needed and finding.found is None]
    if missing:
        raise ToolMissingError(f"{', '.join(missing)}: missing, see above")
    closed = [finding.what for finding in found if not finding.usable]
    if closed:
        raise DeviceError(f"{', '.join(closed)}: no permission, see above")
    return 0


def _data(arguments: argparse.Namespace) -> int:
    made = datasets.make(
        arguments.source, size=arguments.size, grey=arguments.grey, scale=arguments.scale, offset=arguments.offset
    )
    datasets.save(arguments.out, made)
    found = {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in made.items()}
    text = [f"{name}: {of['dtype']} {of['shape']}" for name, of in found.items()]
    _print(arguments, {"written": str(arguments.out), "arrays": found}, "\n".join([*text, f"written: {arguments.out}"]))
    return 0


def _init(arguments: argparse.Namespace) -> int:
    path = project.write(arguments.model, arguments.target, arguments.data, arguments.port)
    _print(arguments, {"written": str(path)}, f"written: {path}; edge-tr build, flash and check need no arguments now")
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    removed = [compiler.clean(path) for path in arguments.paths]
    lines = [f"{of.path}: {of.files:,} files, {of.bytes:,} bytes removed" for of in removed]
    _print(arguments, [{**asdict(of), "path": str(of.path)} for of in removed], "\n".join(lines))
    return 0


def _completion(arguments: argparse.Namespace) -> int:
    text = completion.script(arguments.shell)
    _print(arguments, {"shell": arguments.shell, "script": text}, text)
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    progress = arguments.progress
    with as_file(demo.MODEL) as model, as_file(demo.TEST_DATA) as data:
        manifest = compiler.build(model, DEMO_BOARD, arguments.out, progress=progress)
        flashed = compiler.flash(arguments.out, progress=progress)
        report = compiler.check(arguments.out, data=data, layers=True, progress=progress)
    where = compiler.BuildFolder(arguments.out).report
    text = [summary.build_text(manifest), "", f"flashed {flashed.image_bytes:,} bytes, {flashed.method}", ""]
    text += [checked.check_text(report), f"report: {where}"]
    _print(arguments, {"build": asdict(manifest), "check": asdict(report)}, "\n".join(text))
    return 0 if report.bit_exact else MismatchError.exit_code


VERBS = {
    "inspect": _inspect, "build": _build, "flash": _flash, "check": _check, "report": _report, "bench": _bench,
    "tune": _tune, "keys": _keys, "export": _export, "emulate": _emulate, "boards": _boards, "doctor": _doctor,
    "init": _init, "data": _data, "clean": _clean, "completion": _completion, "demo": _demo,
}  # fmt: skip
