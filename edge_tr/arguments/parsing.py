"""What the command line takes: the parser of all verbs, and the help that explains them."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from edge_tr import project
from edge_tr.arguments.verb import EXIT_CODES
from edge_tr.arguments.verbs import VERBS
from edge_tr.project import Project

_EVERYWHERE = ("--json", "--quiet", "-q")
FIRST_STEPS = """\
first steps:
  edge-tr demo                                   everything at once, on an emulated board
  edge-tr build MODEL.tflite --target BOARD      BOARD: see edge-tr boards; writes out/MODEL-BOARD
  edge-tr flash out/MODEL-BOARD                  --port /dev/ttyACM0 for a board on a cable
  edge-tr check out/MODEL-BOARD --layers         compare every layer with the reference"""


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


class _Version(argparse.Action):
    """Prints the version and ends; git is asked only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from edge_tr.target.version import described

        print(f"edge-tr {described()}")
        parser.exit()


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
            "program for the FPGA term accelerator, and check on the device that every byte is right."
        ),
        epilog=f"{FIRST_STEPS}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action=_Version, help="print the version, and the commit in a checkout")
    made.add_argument("--json", action="store_true", help="print JSON on stdout; may also follow the command")
    made.add_argument("-q", "--quiet", action="store_true", help="print no progress; may also follow the command")
    subparsers, commands = made.add_subparsers(required=True, metavar="COMMAND", dest="verb"), {}
    for verb in VERBS:
        about = f"{verb.text[0].upper()}{verb.text[1:]}."
        command = commands[verb.name] = subparsers.add_parser(
            verb.name, help=verb.text, description=about, epilog=verb.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if verb.name == wanted:
            command.add_argument("--json", action="store_true", help="print JSON on stdout")
            command.add_argument("-q", "--quiet", action="store_true", help="print no progress")
            verb.add(command, defaults)
    return made, commands
