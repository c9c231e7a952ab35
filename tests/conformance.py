"""Many seeded cases of every operator through everything that must agree, and docs/operators.md: `make conformance`.

A case is a random model of `tests.operators`, with its shapes and quantisations at the extremes: golden against the
interpreter on every tensor, C on this computer under address and undefined-behaviour sanitizers, and C on each of three
emulated cores. Cases that are done are kept until an operator's or a kernel's source
changes: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse, read
from edge_tr.operators import newest_version
from tests.firmware import harness_build, harness_cores
from tests.firmware.harness_models import KERNELS, as_bytes, expected_bytes, lower_with, with_extremes
from tests.models.random_ops import BUILDERS, build

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "operators.md"
KEPT = ROOT / "out" / "conformance"
SOURCES = (
    "edge_tr/operators",
    "edge_tr/kernels",
    "edge_tr/codegen",
    "firmware/src",
    "firmware/include",
    "tests/operators",
)
CORES = ("cortex-m0", "cortex-m4", "rv32ec")
SAMPLES = 6


@dataclass(frozen=True)
class Case:
    """What became of one seed: `refused` says why a model is not supported, `wrong` where something differs."""

    kind: str
    seed: int
    types: str  # of the operator's computed ends
    refused: str = ""
    wrong: str = ""


def checked(kind: str, seed: int) -> Case:
    """One model through golden, interpreter, C here and C on the cores."""
    rng = np.random.default_rng([seed, 7])
    data = build(kind, rng)
    types = _types(read(data), kind)
    try:
        _compare(data, parse(data), rng)
    except ModelError as error:
        return Case(kind, seed, types, refused=str(error).splitlines()[-1].strip())
    except Exception as error:  # whatever it is, it belongs to this case
        return Case(kind, seed, types, wrong=f"{type(error).__name__}: {str(error)[:300]}")
    return Case(kind, seed, types)


def _types(graph: Graph, kind: str) -> str:
    op = next(op for op in graph.ops if op.kind == kind) if any(op.kind == kind for op in graph.ops) else graph.ops[-1]
    ends = (graph.tensor(op.inputs[0]).dtype, graph.tensor(op.outputs[0]).dtype)
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _compare(data: bytes, graph: Graph, rng: np.random.Generator) -> None:
    x = with_extremes(graph, rng, SAMPLES)
    oracle = Oracle(data)
    result = run(graph, x, rounding=reference_info(oracle.runtime).rounding, keep="all")
    for index, expected in oracle.tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"golden, tensor {index}")
    kernel = str(rng.choice(KERNELS))
    with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
        program = lower_with(graph, kernel, "lossless")
        harness = [harness_build.HERE / "harness_model.c"]
        executable = harness_build.compile_model(program, Path(folder), _host_runtime(), harness)
        assert harness_build.run_c(executable, as_bytes(x, graph.inputs)) == expected_bytes(graph, program, x), (
            "C on this computer"
        )
    few = {index: values[:2] for index, values in x.items()}
    for core in CORES:
        target = harness_cores.TARGETS[core]
        with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
            program = lower_with(graph, kernel, "lossless", target.isa)
            elf = harness_cores.link_model(target, program, _core_runtime(core), Path(folder))
            assert harness_cores.run_model(elf, program, few) == expected_bytes(graph, program, few), f"C on {core}"


_WORKER: dict[str, Path] = {}


def _start(scratch: str) -> None:
    """Of a worker: the folder for what it compiles."""
    _WORKER["scratch"] = Path(tempfile.mkdtemp(dir=scratch))


def _scratch() -> Path:
    return _WORKER["scratch"]


@functools.cache
def _host_runtime() -> Path:
    return harness_build.compile_runtime(_made("host"))


@functools.cache
def _core_runtime(core: str) -> Path:
    return harness_cores.compile_runtime_for(harness_cores.TARGETS[core], _made(core))


def _made(name: str) -> Path:
    folder = _scratch() / name
    folder.mkdir()
    return folder


# --- results that are kept, and the document -------------------------------------------------


def sources_digest() -> str:
    """Of everything that a case's result hangs on."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".py", ".c", ".h", ".S"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def kept(kind: str, digest: str) -> list[Case]:
    """Cases of an earlier run on the same sources."""
    path = KEPT / f"{kind}.json"
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Case(**case) for case in found["cases"]] if found["sources"] == digest else []


def keep(kind: str, digest: str, cases: list[Case]) -> None:
    """Write what is done."""
    KEPT.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"sources": digest, "cases": [asdict(case) for case in cases]})
    (KEPT / f"{kind}.json").write_text(text, encoding="utf-8")


def document(results: dict[str, list[Case]]) -> str:
    """docs/operators.md."""
    info = reference_info()
    rows = [_row(kind, cases) for kind, cases in sorted(results.items())]
    head = (
        f"{len(rows)} operators, {sum(map(len, results.values())):,} seeded cases. Each is a model of one operator "
        f"that went through golden against the interpreter ({info.runtime} {info.version}, or TFLite Micro where that "
        "has no int8 kernel), C under sanitizers on the computer that ran this, and C on emulated cores "
        f"({', '.join(CORES)}), on every tensor. What an operator takes and refuses, and why, is in the "
        "docstring of its module in `edge_tr/operators/`."
    )
    table = [
        "| operator | versions | types | cases | exact | refused, as documented |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    parts = [
        "<!-- Written by `make conformance`: do not edit. -->",
        "# Operators",
        "",
        textwrap.fill(head, 110),
        "",
        *table,
    ]
    return "\n".join([*parts, ""])


def _row(kind: str, cases: list[Case]) -> str:
    types = ", ".join(sorted({case.types for case in cases}))
    refused = Counter(case.refused.partition(": ")[2] or case.refused for case in cases if case.refused)
    reasons = "; ".join(f"{count}: {reason}" for reason, count in refused.most_common()) or "none"
    exact = sum(1 for case in cases if not case.refused and not case.wrong)
    return f"| {kind} | 1 to {newest_version(kind)} | {types} | {len(cases)} | {exact} | {reasons} |"


def _todo(results: dict[str, list[Case]], count: int) -> Iterator[tuple[str, int]]:
    for kind, cases in results.items():
        done = {case.seed for case in cases}
        yield from ((kind, seed) for seed in range(count) if seed not in done)


def main() -> int:
    """Entry point; the exit code: 1 if anything differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="cases an operator (default %(default)s)")
    parser.add_argument("--kinds", default="", help="some operators, commas between them; then no document is written")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    digest, kinds = sources_digest(), arguments.kinds.split(",") if arguments.kinds else list(BUILDERS)
    results = {kind: kept(kind, digest) for kind in kinds}
    todo = list(_todo(results, arguments.count))
    with (
        tempfile.TemporaryDirectory(prefix="edge-tr-conformance-") as scratch,
        ProcessPoolExecutor(arguments.workers, initializer=_start, initargs=(scratch,)) as pool,
    ):
        for case in tqdm(pool.map(checked, *zip(*todo)), total=len(todo), unit="case") if todo else ():
            results[case.kind].append(case)
            if case.wrong:
                print(f"\n{case.kind} seed {case.seed}: {case.wrong}", file=sys.stderr)
            if len(results[case.kind]) % 20 == 0:
                keep(case.kind, digest, results[case.kind])
    for kind, cases in results.items():
        keep(kind, digest, cases)
    if not arguments.kinds:
        DOCUMENT.write_text(document(results), encoding="utf-8")
    return int(any(case.wrong for cases in results.values() for case in cases))


if __name__ == "__main__":
    sys.exit(main())
