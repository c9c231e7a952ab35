"""Many seeded cases of every operator through everything that must agree, and docs/operators.md: `make conformance`.

A case is a random model of `tests.operators`, with its shapes and quantisations at the extremes: golden against the
interpreter on every tensor, C on this computer under address and undefined-behaviour sanitizers, and C on each of
three emulated cores. Cases of one operator share a program; where that fails, each gets one of its own, so that a
failure is named by its seed. A case that is done is not looked at again until a source changes, and its C is not
compiled again before the generated C, what that takes of the runtime, the samples or the expected results change: an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge_tr.errors import ModelError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse, read
from edge_tr.lower.program import Program
from edge_tr.operators import dots
from edge_tr.target.count_trace import Machine
from tests import operators_table
from tests.firmware import closure, harness_build, harness_cores, shared_images
from tests.firmware.harness_models import KERNELS, as_bytes, expected_bytes, lower_with, with_extremes
from tests.models.families import FAMILIES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "operators.md"
KEPT = ROOT / "out" / "conformance"
SOURCES = ("edge_tr", "codegen_templates/mcu", "firmware/src", "firmware/include", "firmware/app", "tests")
CORES = ("cortex-m0", "cortex-m4", "rv32ec")
PLACES = ("host", *CORES)
SAMPLES, FEW = 6, 2
SHARING = 20
"""Cases of one operator in a program."""


@dataclass(frozen=True)
class Case:
    """What became of one seed: `refused` says why a model is not supported, `wrong` where something differs."""

    family: str
    seed: int
    types: str  # of the operator's computed ends
    refused: str = ""
    wrong: str = ""
    sources: str = ""  # digest of all sources when it was looked at
    content: str = ""  # digest of all that the C's results hang on


@dataclass(frozen=True)
class Ready:
    """A case whose golden equals the interpreter: what is left is C."""

    graph: Graph
    x: Mapping[int, np.ndarray]
    programs: Mapping[str, Program]  # by place
    sources: Mapping[str, shared_images.Sources]
    expected: Mapping[str, bytes]  # of all samples

    def few(self) -> dict[int, np.ndarray]:
        """What emulated cores get: the first two samples, the extremes."""
        return {index: values[:FEW] for index, values in self.x.items()}


def checked(family: str, seeds: Sequence[int], known: Mapping[int, str]) -> list[Case]:
    """Some cases of one operator; `known`: the content with which a seed's C was exact before."""
    cases, ready = {}, {}
    for seed in seeds:
        cases[seed], case_ready = _prepared(family, seed)
        if case_ready is not None and cases[seed].content != known.get(seed):
            ready[seed] = case_ready
    try:
        _run_c(list(ready.values()))
    except Exception:  # one of them; the C of each alone says which
        for seed, alone in ready.items():
            try:
                _run_c([alone])
            except Exception as error:
                cases[seed] = replace(cases[seed], wrong=_text(error))
    return list(cases.values())


def _prepared(family: str, seed: int) -> tuple[Case, Ready | None]:
    """The case as far as golden and the generated sources, and what C needs if there is something to run."""
    rng = np.random.default_rng([seed, 7])
    data = FAMILIES[family](rng)
    case = Case(family, seed, _types(read(data), family.partition(" ")[0]))
    try:
        ready = _ready(data, parse(data), rng)
        return replace(case, content=_content(ready)), ready
    except ModelError as error:
        return replace(case, refused=str(error).splitlines()[-1].strip()), None
    except Exception as error:  # whatever it is, it belongs to this case
        return replace(case, wrong=_text(error)), None


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def _types(graph: Graph, kind: str) -> str:
    op = next((op for op in graph.ops if op.kind == kind), graph.ops[-1])
    ends = [graph.tensor(i).dtype for i in (*graph.activations(op)[:1], *op.outputs[:1])]
    return " to ".join(dict.fromkeys(ends))


def _ready(data: bytes, graph: Graph, rng: np.random.Generator) -> Ready:
    """Golden and interpreter agree on every tensor, and the model is lowered for every place."""
    x = with_extremes(graph, rng, SAMPLES)
    oracle = Oracle(data)
    result = run(graph, x, rounding=reference_info(oracle.runtime).rounding, keep="all")
    for index, expected in oracle.tensors(x).items():
        np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"golden, tensor {index}")
    programs = _programs(graph, str(rng.choice(KERNELS)))
    made = {id(program): program for program in programs.values()}
    sources = {key: shared_images.sources(program) for key, program in made.items()}
    results = {key: expected_bytes(graph, program, x) for key, program in made.items()}
    expected = {place: results[id(program)] for place, program in programs.items()}
    return Ready(graph, x, programs, {place: sources[id(program)] for place, program in programs.items()}, expected)


def _programs(graph: Graph, kernel: str) -> dict[str, Program]:
    """By place: one for all where nothing depends on the instruction set."""
    isas = {place: "c" if place == "host" else harness_cores.TARGETS[place].isa for place in PLACES}
    if dots(graph):
        return {place: lower_with(graph, kernel, "lossless", isa) for place, isa in isas.items()}
    return dict.fromkeys(PLACES, lower_with(graph, kernel, "lossless"))


def _content(ready: Ready) -> str:
    digest = hashlib.sha256(shared_images.HARNESS.encode())
    for place, of in ready.sources.items():
        _, library = _runtime(place)
        digest.update(closure.digest_of([of.c, *of.others.values()], library).encode())
        digest.update(as_bytes(ready.x, ready.graph.inputs) + ready.expected[place])
    return digest.hexdigest()


def _run_c(cases: Sequence[Ready]) -> None:
    """All cases in one program for each place; AssertionError where one does not compile or differs."""
    for place in PLACES if cases else ():
        made, (runtime, _) = [case.sources[place] for case in cases], _runtime(place)
        with tempfile.TemporaryDirectory(dir=_WORKER["scratch"]) as name:
            if place == "host":
                _run_host(cases, shared_images.compile_host(made, runtime, Path(name)))
            else:
                elf = shared_images.link_core(harness_cores.TARGETS[place], made, runtime, Path(name))
                _run_core(cases, place, Machine(elf))


def _run_host(cases: Sequence[Ready], program: Path) -> None:
    for number, case in enumerate(cases):
        given = as_bytes(case.x, case.graph.inputs)
        assert harness_build.run_c(program, given, arguments=[str(number)]) == case.expected["host"], "C on the host"


def _run_core(cases: Sequence[Ready], core: str, machine: Machine) -> None:
    for number, case in enumerate(cases):
        found = harness_cores.run_model(machine, case.programs[core], case.few(), shared_images.prefix_of(number))
        expected = case.expected[core]
        assert found == expected[: len(expected) // SAMPLES * FEW], f"C on {core}"


_WORKER: dict[str, Path] = {}


def _start(scratch: str) -> None:
    """Of a worker: the folder for what it compiles."""
    _WORKER["scratch"] = Path(tempfile.mkdtemp(dir=scratch))


@functools.cache
def _runtime(place: str) -> tuple[Path, closure.Library]:
    folder = _WORKER["scratch"] / place
    folder.mkdir()
    if place == "host":
        return harness_build.compile_runtime(folder), closure.library(folder, "nm")
    target = harness_cores.TARGETS[place]
    return harness_cores.compile_runtime_for(target, folder), closure.library(folder, f"{target.prefix}nm")


# --- results that are kept ---------------------------------------------------------------------


def sources_digest() -> str:
    """Of all sources and the compilers: cases of one digest need not be looked at again."""
    digest = hashlib.sha256()
    for prefix in ("", harness_cores.ARM, harness_cores.RISCV):
        digest.update(harness_build.command(f"{prefix}gcc", "--version").encode())
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".py", ".c", ".h", ".S", ".j2"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def kept(family: str) -> dict[int, Case]:
    """Cases of earlier runs by seed."""
    path = _path(family)
    if not path.is_file():
        return {}
    return {case["seed"]: Case(**case) for case in json.loads(path.read_text(encoding="utf-8"))}


def keep(family: str, cases: Mapping[int, Case]) -> None:
    """Write what is done."""
    KEPT.mkdir(parents=True, exist_ok=True)
    _path(family).write_text(json.dumps([asdict(case) for _, case in sorted(cases.items())]), encoding="utf-8")


def _path(family: str) -> Path:
    return KEPT / f"{family.replace(' ', '-')}.json"


def wanted(family: str, count: int) -> int:
    """Cases of a family: half as many of a type beside int8."""
    return count // 2 if " " in family else count


def _jobs(results: Mapping[str, Mapping[int, Case]], count: int, digest: str) -> Iterator[tuple[str, list[int], dict]]:
    """What is left: some seeds of one operator, with what is known of them. The first ones of every operator come
    first, so that what an interrupted run has done says something of all."""
    left = {
        family: [s for s in range(wanted(family, count)) if s not in cases or cases[s].sources != digest]
        for family, cases in results.items()
    }
    for first in range(0, count, SHARING):
        for family, seeds in ((family, seeds[first : first + SHARING]) for family, seeds in left.items()):
            if seeds:
                cases = results[family]
                yield family, seeds, {s: cases[s].content for s in seeds if s in cases and not cases[s].wrong}


def complete(results: dict[str, dict[int, Case]], count: int, workers: int, report: Callable[[Case], None]) -> None:
    """Run what is left of `results`, and write it down as it comes."""
    digest = sources_digest()
    with (
        tempfile.TemporaryDirectory(prefix="edge-tr-conformance-") as scratch,
        ProcessPoolExecutor(workers, initializer=_start, initargs=(scratch,)) as pool,
    ):
        jobs = {pool.submit(checked, *job): job for job in _jobs(results, count, digest)}
        total = sum(len(seeds) for _, seeds, _ in jobs.values())
        with tqdm(total=total, unit="case") as progress:
            for job in as_completed(jobs):
                family, seeds, _ = jobs[job]
                for case in job.result():
                    results[family][case.seed] = replace(case, sources=digest)
                    report(case)
                keep(family, results[family])
                progress.update(len(seeds))


def main() -> int:
    """Entry point; the exit code: 1 if anything differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--count",
        type=int,
        default=200,
        help="cases an operator, and half as many of each type beside int8 (default %(default)s)",
    )
    parser.add_argument("--kinds", default="", help="some of them, commas between them; then no document is written")
    parser.add_argument("--print", action="store_true", help="run nothing: the document from what earlier runs kept")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    results = {family: kept(family) for family in arguments.kinds.split(",") if family} or {
        f: kept(f) for f in FAMILIES
    }

    def report(case: Case) -> None:
        if case.wrong:
            print(f"\n{case.family} seed {case.seed}: {case.wrong}", file=sys.stderr)

    if not arguments.print:
        complete(results, arguments.count, arguments.workers, report)
    counted = {
        f: [case for seed, case in cases.items() if seed < wanted(f, arguments.count)] for f, cases in results.items()
    }
    if not arguments.kinds:
        ran, digest = [case for cases in counted.values() for case in cases], sources_digest()
        missing = sum(wanted(family, arguments.count) for family in FAMILIES) - len(ran)
        stale = sum(case.sources != digest for case in ran)
        DOCUMENT.write_text(operators_table.document(counted, CORES, missing, stale), encoding="utf-8")
    return int(any(case.wrong for cases in counted.values() for case in cases))


if __name__ == "__main__":
    sys.exit(main())
