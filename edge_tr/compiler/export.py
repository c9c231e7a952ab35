"""Builds become folders of users' own projects: what a build folder says is lowered again, printed and written."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_tr.codegen.context import PORTABLE, Exported
from edge_tr.codegen.ecosystems import ECOSYSTEMS
from edge_tr.codegen.export import Model, Sample, export_tree, project_name
from edge_tr.codegen.naming import Naming, named
from edge_tr.compiler.common import write_tree
from edge_tr.compiler.folders import opened
from edge_tr.errors import UsageError
from edge_tr.files.writing import writing_to
from edge_tr.golden.ends import Samples, sample_shape
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.kernels import KernelChoice, parse_choice
from edge_tr.kernels.machines import isa_of
from edge_tr.lower.program import Program, lower
from edge_tr.manifest import BuildFolder, Manifest
from edge_tr.prepared.budget import parse_shown
from edge_tr.target.expected import Expected

STEP = 37
"""Byte i of an example's int8 input is i times this, modulo 256: odd, so that all values come."""


@dataclass(frozen=True)
class ExportResult:
    """What was written: the folder, the kind of project, its models by their names in C, and its files."""

    folder: str
    ecosystem: str
    models: tuple[str, ...]
    files: tuple[str, ...]


def export(builds: Sequence[Path], ecosystem: str, out: Path | None = None, name: str | None = None) -> ExportResult:
    """A folder with the models of `builds` for one of ECOSYSTEMS, `name`: of one model, instead of its build's.

    `out`: a new or empty folder, out/PROJECT-ECOSYSTEM by default. UsageError for builds that cannot be exported
    together, or a folder that holds anything; whatever is raised, it is as it was.
    """
    if name is not None and len(builds) > 1:
        raise UsageError("--name is for one build: several have the names that edge-tr build --name gave them")
    models = [_model(path, None if name is None else named(name)) for path in builds]
    tree = export_tree(models, ECOSYSTEMS[ecosystem])
    folder = out or Path("out") / f"{project_name(models)}-{ecosystem}"
    _write(folder, tree)
    return ExportResult(str(folder), ecosystem, tuple(model.name for model in models), tuple(tree))


def _write(folder: Path, tree: dict[str, bytes]) -> None:
    """All files at once, into a folder that has none."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: choose another -o, or remove it")
    with writing_to(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".edge-tr-", dir=folder.parent))
        try:
            write_tree(staged / "files", tree)
            os.replace(staged / "files", folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _model(path: Path, naming: Naming | None) -> Model:
    with opened(path) as (folder, manifest):
        if not isinstance(manifest, Manifest):
            raise UsageError(f"{path} is a build for an accelerator, whose package needs no export: export is for C")
        graph = _graph(folder, manifest)
        budgets = [level.budget for level in manifest.levels]
        isa = isa_of(manifest.core)
        choice = [f"{product.name}={product.kernel}" for product in manifest.products]
        program = _lowered(graph, budgets, parse_choice(choice), isa, "speed")
        if not _is_as_built(program, manifest):
            raise UsageError(
                f"{path} was built by another version of edge-tr, which chose differently: run edge-tr build again"
            )
        portable = None if isa == PORTABLE else _lowered(graph, budgets, parse_choice([]), PORTABLE, "balanced")
        exported = Exported(
            naming=naming or named(manifest.name),
            model_name=manifest.model,
            core=manifest.core,
            isa=isa,
            program=program,
            portable=portable,
            budgets=budgets,
            verifies=manifest.protection.before_invoke,
        )
        return Model(exported, _sample(folder, manifest, graph))


def _graph(folder: BuildFolder, manifest: Manifest) -> Graph:
    """What the build lowered; of tuned weights what their budget left, which is all that counts."""
    given = tflite.read_file(folder.model)
    if hashlib.sha256(given).hexdigest() != manifest.model_sha256:
        raise UsageError(f"{folder.model} is not the model of this build: run edge-tr build again")
    lowered = tflite.read_file(folder.revealed) if manifest.budget.startswith("tuned (") else given
    return replace(tflite.parse(lowered), sha256=manifest.model_sha256)


def _lowered(graph: Graph, budgets: Sequence[str], choice: KernelChoice, isa: str, objective: str) -> Program:
    *below, budget = map(parse_shown, budgets)
    return lower(graph, budget, choice, isa, objective, below=below)


def _is_as_built(program: Program, manifest: Manifest) -> bool:
    """Whether it has the build's layers, kernels and arena. An export copies no weights into RAM: what memory its user
    has is not known."""
    copies = any(region.kind == "staged weights" for region in manifest.arena)
    layers = [(layer.name, layer.kernel_name) for layer in program.layers]
    is_arena = copies or program.memory.size == manifest.arena_bytes
    return is_arena and layers == [(of.name, of.kernel) for of in manifest.layers]


def _sample(folder: BuildFolder, manifest: Manifest, graph: Graph) -> Sample:
    """An inference of golden's, from the reset state."""
    step = STEP if all(tensor.dtype in ("int8", "uint8") for tensor in graph.named_inputs) else 0
    x = {}
    for tensor in graph.named_inputs:
        data = (np.arange(math.prod(tensor.shape) * tensor.item_bytes) * step).astype(np.uint8)
        x[tensor.index] = data.view(tensor.dtype).reshape(1, *sample_shape(tensor))
    levels = [tflite.load(folder.revealed_of(level)) for level in manifest.levels]
    outputs = Expected(levels, len(levels) - 1, manifest).outputs(Samples(x))
    crc32 = 0
    for tensor in graph.named_outputs:
        crc32 = zlib.crc32(np.ascontiguousarray(outputs[tensor.index]).tobytes(), crc32)
    return Sample(step, crc32)
