"""Writes docs/reference/: the command line, boards, board.toml, schemas and the Python API, from the source.

`python -m documents.reference` writes the pages; with `--check` it only compares.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import json
import re
import subprocess
import sys
import textwrap
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from documents import DOCS
from edge_tr import api, arguments, errors
from edge_tr.boards import Board, tables
from edge_tr.report import schema
from edge_tr.report.markdown import markdown_table

FOLDER = DOCS / "reference"
HEAD = "<!-- Written by `python -m documents.reference`: do not edit. -->\n\n"
ERRORS = ("UsageError", "ModelError", "DoesNotFitError", "ToolMissingError", "DeviceError", "MismatchError")


def pages() -> dict[str, str]:
    """Texts by file name."""
    made = {
        "command-line.md": _command_line(),
        "boards.md": _boards(),
        "board-toml.md": _board_toml(),
        "schemas.md": _schemas(),
        "api.md": _api(),
    }
    return {name: f"{HEAD}{text.strip()}\n" for name, text in made.items()}


def _cell(text: str) -> str:
    """In a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _command_line() -> str:
    parts = [
        "# Command line",
        "`--json` prints the result as JSON on stdout and `--quiet` (`-q`) prints no progress; both may stand before "
        "or behind any command. Results go to stdout, everything else to stderr.",
        "## Exit codes",
        _exit_codes(),
    ]
    for name, command in arguments.full_parsers().items():
        parts += [
            f"## edge-tr {name}",
            _sentence(command.description),
            f"```text\n{_usage(command)}\n```",
            _options(command),
        ]
    return "\n\n".join(part for part in parts if part)


def _exit_codes() -> str:
    rows = [("code", "meaning"), ("0", "done"), ("1", "a bug of edge-tr")]
    codes = {getattr(errors, name).exit_code: inspect.getdoc(getattr(errors, name)) for name in ERRORS}
    rows += [(str(code), _cell(text.split("\n\n")[0])) for code, text in sorted(codes.items())]
    return markdown_table([*rows, ("130", "interrupted (Ctrl-C)")], 2)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _usage(command: argparse.ArgumentParser) -> str:
    text = " ".join(command.format_usage().removeprefix("usage: ").split())
    return textwrap.fill(text, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _options(command: argparse.ArgumentParser) -> str:
    rows = [("argument", "meaning")]
    for action in command._actions:
        if not isinstance(action, argparse._HelpAction) and action.dest not in ("json", "quiet"):
            text = (action.help or "") % {"default": action.default}
            rows.append((f"`{_named(action)}`", _cell(text)))
    return markdown_table(rows, 2) if len(rows) > 1 else ""


def _named(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return value.replace("|", "\\|")
    takes = "" if action.nargs == 0 else f" {value}"
    return f"{', '.join(action.option_strings)}{takes}".replace("|", "\\|")


def _boards() -> str:
    done = subprocess.run([sys.executable, "-m", "edge_tr.cli", "boards"], capture_output=True, text=True, check=True)
    return (
        "# Boards that ship\n\nWhat `edge-tr boards` prints: memory, how each board is flashed, how it was verified, "
        "and what nobody has verified yet. [Boards](../boards.md) has the evidence and says how to add your own.\n\n"
        f"```text\n{done.stdout.rstrip()}\n```"
    )


def _board_toml() -> str:
    parts = [
        "# board.toml",
        "A board is a folder with this file in it, named after the board ([how to add one](../boards.md)). Keys "
        "without a default are required. Sizes are in bytes. `edge-tr boards FOLDER` lists everything that is wrong "
        "in a board's file.",
        "## Top level",
        _fields(Board, {"folder"}),
    ]
    hints = typing.get_type_hints(Board)
    for field in dataclasses.fields(Board):
        kinds = [
            kind for kind in (hints[field.name], *typing.get_args(hints[field.name])) if dataclasses.is_dataclass(kind)
        ]
        parts += [text for kind in kinds for text in _table_of(field.name, kind)]
    return "\n\n".join(part for part in parts if part)


def _table_of(path: str, kind: Any) -> Iterator[str]:
    """A table of the file, and those in it."""
    yield f"## [{path}]"
    yield _preformatted(inspect.getdoc(kind) or "")
    yield _fields(kind, set())
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        for inner in (hints[field.name], *typing.get_args(hints[field.name])):
            if dataclasses.is_dataclass(inner):
                yield from _table_of(f"{path}.{field.name}", inner)


def _preformatted(text: str) -> str:
    """A docstring: columns of names and meanings stay what they are."""
    return "\n\n".join(
        f"```text\n{part}\n```" if re.search(r"^\w.*?  +\w", part) else part for part in text.split("\n\n")
    )


def _fields(kind: Any, without: set[str]) -> str:
    comments = _comments(sys.modules[kind.__module__], kind.__name__)
    rows = [("key", "type", "default", "meaning")]
    for field in dataclasses.fields(kind):
        if field.name not in without:
            default = "required" if field.default is dataclasses.MISSING else f"`{json.dumps(field.default)}`"
            default = default.replace("`null`", "none").replace("`[]`", "empty")
            rows.append((f"`{field.name}`", _cell(_type(field.type)), default, _cell(comments.get(field.name, ""))))
    return markdown_table(rows, 4)


def _type(text: str) -> str:
    """As a person who writes TOML says it."""
    known = {
        "str": "text",
        "int": "integer",
        "bool": "true or false",
        "Verified": tables.Verified,
        "Parity": tables.Parity,
    }
    known |= {"Ticks": tables.Ticks}
    text = text.replace(" | None", "")
    if match := re.fullmatch(r"tuple\[(.+), \.\.\.\]", text):
        return f"list of {_type(match.group(1))}"
    if text.startswith("Literal["):
        return " or ".join(f'"{one}"' for one in ast.literal_eval(f"({text[8:-1]},)"))
    found = known.get(text, "table")
    return found if isinstance(found, str) else " or ".join(f'"{one}"' for one in typing.get_args(found))


def _comments(module: ModuleType, name: str) -> dict[str, str]:
    """Of the fields of a dataclass, behind each in the source."""
    source = inspect.getsource(module)
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    lines = source.splitlines()
    return {
        node.target.id: " ".join(
            line.partition("#")[2].strip() for line in lines[node.lineno - 1 : node.end_lineno]
        ).strip()
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _schemas() -> str:
    parts = [
        "# build.json and check.json",
        "What `edge-tr build` and `edge-tr check` write into the build's folder, and all that the report draws. "
        "`--json` prints the same. As JSON Schema: [build.schema.json](../schemas/build.schema.json), "
        "[check.schema.json](../schemas/check.schema.json).",
    ]
    for file, text in schema.schemas().items():
        parts.append(f"## {file.replace('.schema', '')}")
        for name, definition in json.loads(text)["$defs"].items():
            parts += [f"### {name}", _preformatted(definition["description"])]
            rows = [(f"`{key}`", _cell(_json_type(kind))) for key, kind in definition["properties"].items()]
            parts.append(markdown_table([("field", "type"), *rows], 2))
    # a name that both files have is a heading of each
    return "\n\n".join(parts)


def _json_type(kind: dict[str, Any]) -> str:
    if "anyOf" in kind:
        return " or ".join(map(_json_type, kind["anyOf"]))
    if kind.get("type") == "array":
        return f"list of {_json_type(kind['items'])}"
    return kind["$ref"].rpartition("/")[2] if "$ref" in kind else kind["type"]


def _api() -> str:
    parts = ["# Python API", "[From Python](../python-api.md) shows it in use.", "## Functions"]
    functions = [getattr(api, name) for name in ("load", "build", "flash", "check", "tune")]
    for function in functions:
        signature = ast.unparse(_definition(function)).partition("\n")[0] + " ..."
        signature = textwrap.fill(signature, 100, subsequent_indent="    ", break_long_words=False)
        parts += [f"### edge_tr.{function.__name__}", f"```python\n{signature}\n```", inspect.getdoc(function) or ""]
    parts.append("## Results")
    for kind in (api.Model, api.Build, api.Flashed, api.Checked, api.Tuned):
        rows = [("attribute", "type")]
        rows += [(f"`{field.name}`", f"`{_cell(field.type)}`") for field in dataclasses.fields(kind)]
        rows += [
            (f"`{name}`", _cell(inspect.getdoc(value) or ""))
            for name, value in vars(kind).items()
            if isinstance(value, property)
        ]
        parts += [f"### edge_tr.{kind.__name__}", inspect.getdoc(kind) or "", markdown_table(rows, 2)]
    parts.append("## Errors")
    parts.append("Classes of `edge_tr.errors`, all of them `EdgeTrError`s.")
    rows = [("class", "exit code", "meaning")]
    for name in ERRORS:
        kind = getattr(errors, name)
        rows.append((f"`{name}`", str(kind.exit_code), _cell((inspect.getdoc(kind) or "").split("\n\n")[0])))
    return "\n\n".join([*parts, markdown_table(rows, 3)])


def _definition(function: Any) -> ast.stmt:
    return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]


def main() -> int:
    """Entry point of `python -m documents.reference`; the exit code."""
    parser = argparse.ArgumentParser(description="write docs/reference/")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [name for name, text in pages().items() if not _is(name, text)]
    if not check:
        FOLDER.mkdir(exist_ok=True)
        for name, text in pages().items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    print("\n".join(f"docs/reference/{name} is stale: run python -m documents.reference" for name in stale))
    return 1 if stale else 0


def _is(name: str, text: str) -> bool:
    return (FOLDER / name).is_file() and (FOLDER / name).read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
