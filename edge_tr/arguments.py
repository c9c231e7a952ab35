"""What the command line takes: every verb's arguments, and the help that explains them."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_tr import __version__, project
from edge_tr.project import Project

ALL_LEVELS = -1
FASTEST_BAUD = 20_000_000
LONGEST_WAIT = 86_400  # seconds
FIRST_STEPS = """\
first steps:
  edge-tr demo                                   all of it, on an emulated board
  edge-tr build MODEL.tflite --target BOARD      BOARD: see edge-tr boards; writes out/MODEL-BOARD
  edge-tr flash out/MODEL-BOARD                  --port /dev/ttyACM0 for a board on a cable
  edge-tr check out/MODEL-BOARD --layers         compare every layer with the reference"""
EXIT_CODES = """\
exit codes: 0 done, 1 bug, 2 usage, 3 unsupported or damaged model, 4 does not fit,
            5 tool missing, 6 port or flashing failed, 7 the device's answers differ"""


DOCTOR_CODES = """\
exit codes: 0 nothing is missing that is needed, 2 usage, 5 a compiler, an emulator, the reference
            interpreter or (of BOARD) every flasher is missing, 6 a port may not be opened"""


@dataclass(frozen=True)
class Verb:
    """`text` says what it does; `add` gives a parser its arguments, with defaults from the project's file. Imports are
    in `add`: only the verb that is asked for costs time."""

    name: str
    text: str
    add: Callable[[argparse.ArgumentParser, Project], None]
    epilog: str = EXIT_CODES


def printable(text: str) -> str:
    """Without characters that a terminal obeys: messages quote files."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of the verb `verb`, on which --json and --quiet may stand anywhere. SystemExit, as argparse has it,
    for --help, --version and what is wrong; UsageError for a project's file that is."""
    words = _verb_first(list(words))
    name = words[0] if words and not words[0].startswith("-") else None
    known = [verb.name for verb in VERBS]
    if name is not None and name not in known:
        parser().error(f"unknown command {name!r}{did_you_mean(name, known) or ': see edge-tr --help'}")
    made, commands = _made(name, Project() if name in (None, "init") else project.read())
    if name is not None:
        _check_options(commands[name], words[1:])
    return made.parse_args(words)


def _verb_first(words: list[str]) -> list[str]:
    """With the flags of every verb behind it, wherever they were."""
    flags = 0
    while flags < len(words) and words[flags] in _EVERYWHERE:
        flags += 1
    if flags == len(words) or words[flags].startswith("-"):
        return words
    return [words[flags], *words[:flags], *words[flags + 1 :]]


_EVERYWHERE = ("--json", "--quiet", "-q")


def _check_options(command: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """An unknown option is said before what is missing because of it."""
    options = sorted(option for option in command._option_string_actions if option.startswith("--"))
    for word in words:
        option = word.partition("=")[0]
        if word == "--":
            return
        if word.startswith("--") and not any(known.startswith(option) for known in options):
            command.error(f"unknown option {option}{did_you_mean(option, options) or ': see --help'}")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`: did you mean build?`, or nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f": did you mean {close[0]}?" if close else ""


def parser() -> argparse.ArgumentParser:
    """All commands without their arguments: what --help of edge-tr itself needs."""
    return _made(None, Project())[0]


def full_parsers() -> dict[str, argparse.ArgumentParser]:
    """Each verb's own, with all of its arguments."""
    return {verb.name: _made(verb.name, Project())[1][verb.name] for verb in VERBS}


def _made(wanted: str | None, defaults: Project) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of the verbs, of which the `wanted` one has its arguments."""
    made = argparse.ArgumentParser(
        prog="edge-tr",
        description=(
            "Turn an int8 TFLite model into firmware whose weights are sums of powers of two, or into a\n"
            "program of the FPGA term accelerator, and check on the device that every byte is right."
        ),
        epilog=f"{FIRST_STEPS}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"edge-tr {__version__}")
    made.add_argument("--json", action="store_true", help="print JSON on stdout; before the command or behind it")
    made.add_argument("-q", "--quiet", action="store_true", help="no progress; the same")
    subparsers, commands = made.add_subparsers(required=True, metavar="COMMAND", dest="verb"), {}
    for verb in VERBS:
        about = f"{verb.text[0].upper()}{verb.text[1:]}."
        command = commands[verb.name] = subparsers.add_parser(
            verb.name, help=verb.text, description=about, epilog=verb.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if verb.name == wanted:
            command.add_argument("--json", action="store_true", help="print JSON on stdout")
            command.add_argument("-q", "--quiet", action="store_true", help="no progress")
            verb.add(command, defaults)
    return made, commands


def _model(command: argparse.ArgumentParser, defaults: Project) -> None:
    optional = {} if defaults.model is None else {"nargs": "?", "default": defaults.model}
    command.add_argument("model", type=Path, metavar="MODEL.tflite", **optional)


def _folder(command: argparse.ArgumentParser, defaults: Project, text: str = "what `edge-tr build` wrote") -> None:
    optional = {} if defaults.folder is None else {"nargs": "?", "default": defaults.folder}
    command.add_argument("build", type=Path, metavar="DIR", help=text, **optional)


def _add_inspect(command: argparse.ArgumentParser, defaults: Project) -> None:
    _model(command, defaults)


def _add_keys(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("-o", dest="out", type=Path, metavar="NAME", default=Path("edge-tr"), help="%(default)s")


def _add_boards(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("board", nargs="?", metavar="BOARD", help="all that is known of one")
    change = command.add_mutually_exclusive_group()
    change.add_argument("--add", type=Path, metavar="FOLDER", help="make your own board known by its name")
    change.add_argument("--remove", metavar="NAME", help="forget one that was added; its folder stays")


def _add_doctor(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("board", nargs="?", metavar="BOARD", help="only what this one needs, its flasher included")


def _add_demo(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", default=Path("out/demo"), help="default: out/demo")


def _add_init(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "model", type=Path, nargs="?", metavar="MODEL.tflite", help="default: the only one in the folder"
    )
    command.add_argument("--target", metavar="BOARD", help="a name of `edge-tr boards`, or a folder")
    command.add_argument("--data", type=Path, metavar="X.npz", help="what check runs")
    command.add_argument("--port", metavar="URL", help="the board's, for flash and check")


def _add_data(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("action", choices=("make",), help="make: write an .npz file of samples and labels")
    command.add_argument("source", type=Path, metavar="SOURCE", help=_DATA)
    command.add_argument("-o", dest="out", type=Path, metavar="X.npz", required=True)
    command.add_argument("--size", type=_size, metavar="HEIGHTxWIDTH", help="resize images (bilinear)")
    command.add_argument("--grey", action="store_true", help="images with one channel")
    command.add_argument(
        "--scale", type=float, metavar="A", help="x becomes float32 x * A + B, as 0.00392157 for 1/255"
    )
    command.add_argument("--offset", type=float, default=0.0, metavar="B", help="default: 0")


_DATA = (
    "a folder of images (PNG, JPEG) or of .wav files, a folder in it being a class; or .csv with a row a sample and a "
    "column y; or .npy"
)


def _add_clean(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH",
        help="a folder that build wrote: all that it wrote; a budget that tune wrote (budget.toml): the points that it "
        "keeps in budget.work",
    )  # fmt: skip


def _add_completion(command: argparse.ArgumentParser, defaults: Project) -> None:
    command.add_argument("shell", choices=("bash", "zsh", "fish"), help='for bash: eval "$(edge-tr completion bash)"')


def _add_build(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.codegen import protocols
    from edge_tr.kernels import KERNELS
    from edge_tr.kernels.machines import tables_of
    from edge_tr.lower.cores import CORES
    from edge_tr.lower.select import OBJECTIVES

    _model(command, defaults)
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
    command.add_argument(
        "--name",
        default="tr_model",
        help="of the model in C, the prefix of its functions, macros and header: NAME_invoke() in NAME.h, so that "
        "several models link into one program (default %(default)s, in model.h)",
    )
    command.add_argument("--flash-limit", type=int, metavar="BYTES", help="use less than the board's flash")
    command.add_argument("--ram-limit", type=int, metavar="BYTES", help="use less than the board's RAM")
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


def _add_export(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.codegen.ecosystems import ECOSYSTEMS

    command.add_argument(
        "builds", type=Path, nargs="+", metavar="DIR", help="what `build` wrote; several share a runtime"
    )
    command.add_argument("--as", dest="ecosystem", required=True, choices=ECOSYSTEMS, help="the kind of project")
    command.add_argument("--name", help="of the model in C, instead of what `build --name` said")
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", help="new or empty; default: out/NAME-KIND")


def _add_check(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr import metrics
    from edge_tr.target.token import VARIABLE

    _on_device(command, defaults)
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
        type=_budget_level,
        help="of a build with several budgets: which to run with, 0 the one with the fewest terms; all (its default): "
        "one after the other, on a board that is not flashed again",
    )


def _add_report(command: argparse.ArgumentParser, defaults: Project) -> None:
    _folder(command, defaults, "what `edge-tr build` wrote; its check is shown too")
    command.add_argument("other", type=Path, metavar="DIR2", nargs="?", help="another build, to be compared with")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="FILE", help="default: DIR/report.html, of two builds DIR/comparison.html"
    )
    command.add_argument("--open", action="store_true", help="show it in the browser")


def _add_emulate(command: argparse.ArgumentParser, defaults: Project) -> None:
    _folder(command, defaults)
    where = command.add_mutually_exclusive_group()
    where.add_argument("--pty", action="store_true", help="its UART is a pseudo-terminal, whose name is printed")
    where.add_argument(
        "--tcp", type=_tcp_port, metavar="PORT", help="its UART is this TCP port of this computer (default: a free one)"
    )
    _add_trust(command)


def _add_bench(command: argparse.ArgumentParser, defaults: Project) -> None:
    from edge_tr.lower.cores import CORES

    _folder(command, defaults)
    command.add_argument("--core", metavar="NAME", help=f"another cycle table than the build's: {', '.join(CORES)}")
    command.add_argument(
        "--wait-states",
        type=int,
        metavar="N",
        help="of flash, others than the board's (of a board that does not say what it reads through: of 32 bits)",
    )


def _add_tune(command: argparse.ArgumentParser, defaults: Project) -> None:
    _model(command, defaults)
    command.add_argument(
        "--calibration", type=Path, required=defaults.calibration is None, default=defaults.calibration,
        metavar="X.npz", help="x: 100 inputs or more",
    )  # fmt: skip
    limits = command.add_mutually_exclusive_group(required=True)
    limits.add_argument("--max-loss", type=float, metavar="POINTS", help="of accuracy, estimated without labels")
    limits.add_argument("--max-terms", type=float, metavar="A", help="terms per MAC (with --group: k / g)")
    limits.add_argument("--max-cycles", type=int, metavar="N", help="estimated, of the layers with weights")
    limits.add_argument("--max-flash", type=int, metavar="BYTES", help="estimated, of the layers with weights")
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


def _on_device(command: argparse.ArgumentParser, defaults: Project) -> None:
    _folder(command, defaults)
    command.add_argument(
        "--port",
        default=defaults.port,
        metavar="URL",
        help="any pyserial URL: /dev/ttyACM0, socket://, rfc2217://; usb: the board's own, found by its USB ids; a "
        "folder, for boards that are flashed by a copy to their drive; default: the board's emulator or the "
        "accelerator's co-simulation, or usb where there is none",
    )
    command.add_argument("--baud", type=_baud, metavar="N", help="another speed of --port than the board's")
    command.add_argument(
        "--wait", type=_seconds, default=0.0, metavar="SECONDS", help="for a --port that is not there yet (default: 0)"
    )
    _add_trust(command)


def _add_trust(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--trust",
        action="store_true",
        help="run what the build brings (a program of this computer, an emulator, a Python package) though it was not "
        "built by you, here: it can do whatever you can",
    )


def _size(text: str) -> tuple[int, int]:
    """--size: height and width."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) < 1 << 14 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 96x96")
    return int(parts[0]), int(parts[1])


def _budget_level(text: str) -> int:
    """--budget-level: a number, or ALL_LEVELS."""
    if text == "all":
        return ALL_LEVELS
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0 on nor all")
    return int(text)


def _tcp_port(text: str) -> int:
    """--tcp: a number that the system has."""
    if not text.isdecimal() or not 0 <= int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 (any that is free) to 65,535")
    return int(text)


def _baud(text: str) -> int:
    """--baud: bits in a second."""
    if not text.isdecimal() or not 0 < int(text) <= FASTEST_BAUD:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed from 1 to {FASTEST_BAUD:,} bits in a second")
    return int(text)


def _seconds(text: str) -> float:
    """--wait: a time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {LONGEST_WAIT:,}")
    return seconds


VERBS = (
    Verb(
        "init",
        "begin a project: a file with its model and board, so that commands need no arguments",
        _add_init,
    ),
    Verb("inspect", "show a model's layers, weights and terms", _add_inspect),
    Verb("build", "generate firmware for a board and compile it, or a program for an accelerator", _add_build),
    Verb("flash", "write a build into its board over serial", _on_device),
    Verb("check", "run samples on the board and compare every byte with the reference", _add_check),
    Verb("report", "write a build's page again, or one with two builds beside each other", _add_report),
    Verb("emulate", "keep a build's emulated board up for other programs, until Ctrl-C", _add_emulate),
    Verb("bench", "count instructions and estimate cycles of one inference, by layer", _add_bench),
    Verb("tune", "choose which terms to keep, on calibration data without labels", _add_tune),
    Verb("export", "make a folder of builds that a project of your own takes: C, runtime, example", _add_export),
    Verb("data", "make a file of samples from images, sounds or tables", _add_data),
    Verb("keys", "make a pair of keys for signed images", _add_keys),
    Verb("boards", "list the boards, how far each is verified, and what it is flashed by", _add_boards),
    Verb("doctor", "say which tools, ports and permissions are there, and what to install", _add_doctor, DOCTOR_CODES),
    Verb("clean", "remove what build or tune wrote", _add_clean),
    Verb("completion", "print what makes a shell complete edge-tr's commands and options", _add_completion),
    Verb("demo", "build, flash and check the digits model on an emulated board", _add_demo),
)
"""In the order of --help."""
