"""Every model of a folder on every kind of target, and docs/models.md: `make matrix`.

A model is built for the host, for three emulated cores and for the accelerator, and what fits is run: two seeded
samples, or fifty steps of a model with states, of which every layer's tensor is compared with golden's and the outputs
with the interpreter's. A build whose id is that of an earlier run, hence whose sources are the same, is not run again:
an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edge_tr import compiler, overlays, resources
from edge_tr.errors import EdgeTrError
from edge_tr.golden.probe import reference_info
from edge_tr.golden.samples import seeded_samples
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder, Manifest, OverlayManifest
from edge_tr.report.markdown import markdown_table
from edge_tr.target.count_provenance import commit

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "models.md"
KEPT = ROOT / "out" / "matrix"
MODELS = ROOT.parent / "shared" / "models"
TARGETS = ("host", "mps2-an386", "qemu-cortex-m0", "qemu-rv32ec", "pynq-z2")
SAMPLES, STEPS = 2, 50
EXACT, TOO_LARGE, ON_PROCESSOR, WRONG = "exact", "does not fit", "on the processor", "differs"


@dataclass(frozen=True)
class Case:
    """What became of a model on a target.

    model     name of the file, and the digest of its content
    outcome   EXACT; TOO_LARGE; ON_PROCESSOR: built for the accelerator, which has no operator of it to compute; WRONG
    told      figures of EXACT, by how much it is TOO_LARGE, what is WRONG
    content   the build's id: digest of the generated sources and what they are compiled with
    seconds   that building and running took
    """

    model: str
    sha256: str
    target: str
    outcome: str
    told: str
    content: str
    commit: str
    seconds: int


def case(model: Path, target: str, folder: Path, known: Case | None) -> Case:
    """Build and run one; `known`: what an earlier run found."""
    start, graph = time.monotonic(), tflite.load(model)
    found = Case(model.name, graph.sha256, target, WRONG, "", "", commit(ROOT), 0)
    try:
        manifest = compiler.build(model, target, folder)
        found = replace(found, content=_content(manifest))
        if known is not None and known.outcome != WRONG and known.content == found.content:
            return replace(known, commit=found.commit)
        outcome, told = _ran(graph, manifest, folder)
    except compiler.NotFitting as error:
        outcome, told = TOO_LARGE, _over(error.manifest)
    except EdgeTrError as error:
        outcome, told = WRONG, str(error).splitlines()[0]
    return replace(found, outcome=outcome, told=told, seconds=round(time.monotonic() - start))


def _content(manifest: Manifest | OverlayManifest) -> str:
    """Of an accelerator the sources of its hardware count too."""
    if isinstance(manifest, Manifest):
        return manifest.build_id
    digest = hashlib.sha256(manifest.build_id.encode())
    for path in sorted(resources.folder("rtl").rglob("*.sv")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _over(manifest: Manifest) -> str:
    """Memories that are too small, and by how much."""
    return ", ".join(f"{m.name} {m.used:,} of {m.limit:,}" for m in manifest.memory_use if m.used > m.limit)


def _ran(graph: Graph, manifest: Manifest | OverlayManifest, folder: Path) -> tuple[str, str]:
    """Outcome, and what is told of it."""
    if isinstance(manifest, OverlayManifest):
        on_chip = sum(layer.kernel == "accelerator" for layer in manifest.layers)
        if not on_chip:
            return ON_PROCESSOR, f"{len(manifest.layers)} layers"
    else:
        compiler.flash(folder)
    steps = folder / "steps.npz" if graph.states else None
    if steps is not None:
        np.savez(steps, **_sequence(graph))
    report = compiler.check(folder, data=steps, limit=None if graph.states else SAMPLES, layers=True)
    if not report.bit_exact:
        return WRONG, f"{report.mismatched_samples} of {report.samples} differ, first in {report.first_mismatch}"
    if report.reference_identical != report.samples:
        return WRONG, f"the interpreter: {'; '.join(report.notes)}"
    told = f"{STEPS} steps" if graph.states else f"{SAMPLES} samples"
    if isinstance(manifest, OverlayManifest):
        return EXACT, f"{on_chip} of {len(manifest.layers)} layers, {told}"
    return EXACT, f"{_kib(manifest.flash_bytes)} + {_kib(manifest.ram_bytes)}, {told}"


def _sequence(graph: Graph) -> dict[str, np.ndarray]:
    """Seeded noise, one sequence of STEPS."""
    noise = seeded_samples(graph, STEPS).values
    return {f"x{n}": noise[index][:, 0][np.newaxis] for n, index in enumerate(graph.inputs)}


def _kib(size: int) -> str:
    return f"{size / 1024:.0f} KB"


# --- results that are kept ---------------------------------------------------------------------


def kept(models: Iterable[Path]) -> dict[tuple[str, str], Case]:
    """Cases of earlier runs by name of the model and target."""
    files = [_path(model.name, target) for model in models for target in TARGETS]
    cases = [Case(**json.loads(path.read_text(encoding="utf-8"))) for path in files if path.is_file()]
    return {(of.model, of.target): of for of in cases}


def _path(model: str, target: str) -> Path:
    return KEPT / f"{model}-{target}.json"


def keep(found: Case) -> None:
    """Write what is done."""
    KEPT.mkdir(parents=True, exist_ok=True)
    _path(found.model, found.target).write_text(json.dumps(asdict(found)), encoding="utf-8")


# --- the document ------------------------------------------------------------------------------


def document(cases: Mapping[tuple[str, str], Case], models: Sequence[Path]) -> str:
    """docs/models.md of what is known."""
    info, board = reference_info(), overlays.load(TARGETS[-1])
    rows = [["model", *TARGETS]]
    rows += [[model.stem, *(_cell(cases.get((model.name, target))) for target in TARGETS)] for model in models]
    total = {outcome: sum(of.outcome == outcome for of in cases.values()) for outcome in (EXACT, WRONG)}
    commits = sorted({of.commit for of in cases.values()})
    return "\n".join([
        "# Models: which public ones run where",
        "",
        "Written by `make matrix` (`tests/model_matrix.py`). Every model is built lossless with default options; what",
        f"fits runs in the target's emulator, {board.name} in co-simulation of its RTL. Exact: every layer's tensor is",
        f"golden's and every output the interpreter's ({info.runtime} {info.version} with its reference kernels, or",
        f"TFLite Micro or ai-edge-litert where it has none or refuses the file), in {SAMPLES} samples of seeded noise,",
        f"or in {STEPS} consecutive steps of a model with states. Sizes are flash and RAM of the whole firmware, stack",
        f"and serial link included; of {board.name} how many layers the accelerator computes. Nothing ran on a chip.",
        "",
        f"{total[EXACT]} exact, {total[WRONG]} differ, of {len(cases)} combinations; at {', '.join(commits)}.",
        "",
        markdown_table(rows, len(rows[0])),
    ])  # fmt: skip


def _cell(of: Case | None) -> str:
    if of is None:
        return "not tried"
    return f"{of.outcome}: {of.told}" if of.told else of.outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code: 1 if anything differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.model_matrix", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=MODELS, metavar="FOLDER", help="of .tflite files (%(default)s)")
    parser.add_argument("--only", default="", help="models whose names hold this; then no document is written")
    parser.add_argument("--targets", type=lambda text: text.split(","), default=list(TARGETS), help="some of them")
    parser.add_argument("--print", action="store_true", help="run nothing: the document from what earlier runs kept")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.targets).difference(TARGETS):
        parser.error(f"--targets {','.join(sorted(unknown))}: they are {','.join(TARGETS)}")
    models = [path for path in sorted(arguments.models.glob("*.tflite")) if arguments.only in path.name]
    if not models:
        print(f"model_matrix: no .tflite file in {arguments.models}: give --models", file=sys.stderr)
        return 2
    os.nice(5)  # hours: other work of this computer comes first
    cases = kept(models)
    for target in () if arguments.print else arguments.targets:
        for model in models:
            folder = BuildFolder(KEPT / "builds" / f"{model.stem}-{target}").path
            found = cases[model.name, target] = case(model, target, folder, cases.get((model.name, target)))
            keep(found)
            print(f"{model.name} {target}: {_cell(found)} ({found.seconds} s)", flush=True)
    if not arguments.only:
        DOCUMENT.write_text(document(cases, models), encoding="utf-8")
    return int(any(of.outcome == WRONG for of in cases.values()))


if __name__ == "__main__":
    sys.exit(main())
