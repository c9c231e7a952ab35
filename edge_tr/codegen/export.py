"""Models as a folder that a user's own project builds: sources of `context`, the runtime, and what `ecosystems` lists.

Nothing of the serial server, of the boards and of what replaces a C library is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edge_tr import __version__
from edge_tr.codegen import mcu
from edge_tr.codegen.context import Exported, model_files
from edge_tr.codegen.ecosystems import Ecosystem
from edge_tr.codegen.mcu import SourceTree
from edge_tr.errors import UsageError
from edge_tr.resources import folder

_OF_FIRMWARE_ONLY = {"tr_board.h", "tr_verify.h", "tr_verify.c", "tr_seal.c", "tr_string.c"}
"""Drivers, what needs edge-tr's linker scripts, and the memory functions of a program without a C library."""
_PUBLIC = ("tr_crc32.h", "tr_isa.h", "tr_tensor.h")
_SEVERAL = "edge_tr_models"


@dataclass(frozen=True)
class Sample:
    """What an example computes: byte i of each input is (i * step) modulo 256, and the CRC-32 of all outputs."""

    step: int
    crc32: int


@dataclass(frozen=True)
class Model:
    """A model of an export, and what its example computes."""

    exported: Exported
    sample: Sample

    @property
    def name(self) -> str:
        return self.exported.naming.prefix

    @property
    def macro(self) -> str:
        return self.exported.naming.macros


def project_name(models: Sequence[Model]) -> str:
    """Of the whole folder."""
    return models[0].name if len(models) == 1 else _SEVERAL


def export_tree(models: Sequence[Model], ecosystem: Ecosystem) -> SourceTree:
    """All files of the folder. UsageError for models whose names clash."""
    runtime = _runtime(ecosystem)
    parts = {model.name: _files_of(model, ecosystem) for model in models}
    tree = dict(runtime)
    for name, files in parts.items():
        if len(parts) < len(models) or {path.lower() for path in files} & {path.lower() for path in tree}:
            raise UsageError(
                f"{name} is also the name of another model, or the beginning of its file names: build with "
                "another --name"
            )
        tree |= files
    context = _context(models, ecosystem, runtime, parts)
    for path, template in _wanted(ecosystem).items():
        for model in models if "{model}" in path else (None,):
            to = path.format(project=context["project"], model="" if model is None else model.name)
            tree[to] = mcu.render(f"export/{template}.j2", context | {"model": model})
    tree["LICENSE"] = (folder("firmware") / "LICENSE").read_bytes()
    return MappingProxyType(dict(sorted(tree.items())))


def _wanted(ecosystem: Ecosystem) -> dict[str, str]:
    """Path -> template of all that is not a source."""
    example = {ecosystem.example: "example.c"} if ecosystem.example else {}
    return {**ecosystem.files, **example, "README.md": "README.md"}


def _runtime(ecosystem: Ecosystem) -> dict[str, bytes]:
    """What all models share."""
    files = {
        path.name: path.read_bytes()
        for part in ("include", "src")
        for path in sorted((folder("firmware") / part).glob("*.[chS]"))
        if path.name not in _OF_FIRMWARE_ONLY
    }
    files["tr_sections.h"] = (folder("codegen_templates") / "export" / "tr_sections.h").read_bytes()
    return _placed(files, ecosystem, set(_PUBLIC))


def _placed(files: Mapping[str, bytes], ecosystem: Ecosystem, public: set[str]) -> dict[str, bytes]:
    return {f"{ecosystem.public if name in public else ecosystem.private}/{name}": files[name] for name in files}


def _files_of(model: Model, ecosystem: Ecosystem) -> dict[str, bytes]:
    """A model's own."""
    return _placed(model_files(model.exported), ecosystem, {f"{model.name}.h", f"{model.name}_core.h"})


def _context(
    models: Sequence[Model],
    ecosystem: Ecosystem,
    runtime: Mapping[str, bytes],
    parts: Mapping[str, Mapping[str, bytes]],
) -> dict[str, object]:
    """What templates know of the folder; `runtime`, and `compiled` by model, are paths of C and assembly."""
    headers = [path for files in (runtime, *parts.values()) for path in files if path.endswith(".h")]
    return {
        "version": __version__,
        "ecosystem": ecosystem,
        "models": models,
        "project": project_name(models),
        "headers": sorted(headers),
        "runtime": _compiled(runtime),
        "compiled": {name: _compiled(files) for name, files in parts.items()},
    }


def _compiled(files: Mapping[str, bytes]) -> list[str]:
    return sorted(path for path in files if path.endswith((".c", ".S")))
