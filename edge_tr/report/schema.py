"""build.json and check.json as JSON Schema, from the dataclasses that they are.

`python -m edge_tr.report.schema` prints docs/schemas/; with `--check` it only compares.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

from edge_tr.manifest import Manifest, OverlayManifest
from edge_tr.target.outcome import CheckReport, LevelsReport

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"
_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean"}


def schemas() -> dict[str, str]:
    """The files by their names."""
    return {
        "build.schema.json": _file("What edge-tr build writes, and pages draw", Manifest, OverlayManifest),
        "check.schema.json": _file("What edge-tr check writes, and pages draw", CheckReport, LevelsReport),
    }


def _file(title: str, *kinds: type) -> str:
    definitions: dict[str, Any] = {}
    found = {"title": title, "oneOf": [_schema(kind, definitions) for kind in kinds], "$defs": definitions}
    return json.dumps(found, indent=2) + "\n"


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Of a field's type; a dataclass becomes a definition."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(one, definitions) for one in arguments]}
    if kind is types.NoneType:
        return {"type": "null"}
    if not dataclasses.is_dataclass(kind):
        return {"type": _PLAIN[kind]}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # keeps its place before those that it is made of
        definitions[kind.__name__] = _record(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _record(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    return {
        "type": "object",
        "description": inspect.cleandoc(kind.__doc__),
        "properties": {field.name: _schema(hints[field.name], definitions) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def main() -> int:
    """Entry point of `python -m edge_tr.report.schema`; the exit code."""
    parser = argparse.ArgumentParser(description="print the schemas of build.json and check.json")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [name for name, text in schemas().items() if not _is(FOLDER / name, text)]
    if check:
        print("\n".join(f"{name} is stale: run python -m edge_tr.report.schema" for name in stale))
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
