"""A Program becomes C: model.h, model.c and the runtime, as a tree of files.

Prints what `lower` decided. The same Program gives the same bytes: no dates,
no absolute paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import jinja2
import numpy as np

from edge_tr import __version__
from edge_tr.codegen import text
from edge_tr.codegen.calls import LayerCode, constants_of
from edge_tr.formats.image import board_id
from edge_tr.formats.term_table import TABLE_VERSION
from edge_tr.lower.program import Program
from edge_tr.resources import folder

IDENTITY = "model/identity.h"
"""The one file that names the build, and so cannot be part of its digest."""

SourceTree = Mapping[str, bytes]
"""Path below the output folder -> contents."""


def source_tree(program: Program, board: str, model_name: str) -> SourceTree:
    """Everything to compile for one model, board drivers excepted."""
    layers = [constants_of(program, layer) for layer in program.layers]
    context = _context(program, layers, board, model_name)
    tree = {f"model/{name}": _render(f"mcu/{name}.j2", context) for name in ("model.h", "model.c")}
    for part in ("include", "src", "app"):
        files = sorted((folder("firmware") / part).glob("*.[ch]"))
        tree |= {f"{part}/{file.name}": file.read_bytes() for file in files}
    tree[IDENTITY] = _render("mcu/identity.h.j2", context | {"build_id": build_id(tree, board)})
    return MappingProxyType(dict(sorted(tree.items())))


def build_id(tree: SourceTree, board: str) -> int:
    """First eight bytes, little-endian, of the SHA-256 of the sources (IDENTITY excepted) and the board's name."""
    digest = hashlib.sha256(board.encode())
    for path in sorted(set(tree) - {IDENTITY}):
        digest.update(path.encode() + b"\0" + hashlib.sha256(tree[path]).digest())
    return int.from_bytes(digest.digest()[:8], "little")


def _context(program: Program, layers: list[LayerCode], board: str, model_name: str) -> dict[str, object]:
    source, result = program.input, program.output
    return {
        "version": __version__,
        "model_name": text.comment(model_name),
        "program": program,
        "board": board,
        "board_id": board_id(board),
        "sha256": bytes.fromhex(program.sha256),
        "layers": layers,
        "lookups": _lookups(layers),
        "input": source,
        "output": result,
        "input_offset": program.offset(program.aliases.get(source.index, source.index)),
        "output_offset": program.offset(program.aliases.get(result.index, result.index)),
        "table_version": TABLE_VERSION.value,
        "text": text,
    }


def _lookups(layers: list[LayerCode]) -> dict[str, np.ndarray]:
    """Data-term tables by C name; layers of one zero point and budget share theirs."""
    return {layer.lookup_name: layer.lookup for layer in layers if layer.lookup is not None}


def _render(template: str, context: Mapping[str, object]) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("codegen_templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"hex": hex, "comment": text.comment, "float_literal": text.float_literal}
    return environment.get_template(template).render(context).encode()
