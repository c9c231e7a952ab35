"""Random whole models through everything that must agree, damaged files, damaged frames: `make fuzz`.

Each seed is one model with one budget: golden against the interpreter, C under sanitizers on this computer, code on one
emulated core, and the co-simulated accelerator, layer by layer. A failure names its seed, which reproduces it.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_tr.accel import lower_accel
from edge_tr.errors import EdgeTrError
from edge_tr.formats import accelerator as f
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, Frame
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse
from edge_tr.lower.program import data_terms
from edge_tr.prepared.budget import parse as parse_budget
from tests import fuzz_serial
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.damaged import Damaged
from tests.firmware import harness_build, harness_cores
from tests.firmware.harness_models import KERNELS, as_bytes, expected_bytes, lower_with, with_extremes
from tests.models import random_graphs, random_models, random_shapes, random_views
from tests.models.padded import padded
from tests.models.random_ops import BUILDERS

SERIAL = {
    "device-frames": 5000,
    "device-states": 5000,
    "device-loader": 20_000,
    "host-link": 200,
    "host-loader": 10,
}  # executions a seed
LARGEST = 1 << 16  # elements of a tensor in a damaged file that is still lowered


def random_budget(rng: np.random.Generator) -> str:
    """Lossless, or terms a group, and now and then a data budget."""
    if rng.random() < 0.3:
        return "lossless"
    group = int(rng.choice([1, 3, 8, 16]))
    cut = f",s={int(rng.integers(2, 5))}" if rng.random() < 0.4 else ""
    return f"g={group},k={int(rng.integers(1, 2 * group + 1))}{cut}"


def random_model(rng: np.random.Generator) -> bytes:
    """A chain of layers; a graph of any operators with several ends and states; moves that move nothing; PADs and
    windows; or one operator."""
    kind = rng.random()
    if kind < 0.3:
        return random_models.build(rng)
    if kind < 0.7:
        return random_graphs.build(rng)
    if kind < 0.8:
        return random_views.build(rng)
    return padded(rng).finish() if kind < 0.85 else BUILDERS[str(rng.choice(list(BUILDERS)))](rng)


def inputs_of(graph: Graph, rng: np.random.Generator, count: int) -> dict[int, np.ndarray]:
    """Samples with both ends of each type; of a graph with states two sequences of as many steps in all."""
    x = with_extremes(graph, rng, count)
    if not graph.states:
        return x
    return {index: values.reshape(2, count // 2, *values.shape[1:]) for index, values in x.items()}


class Fuzz:
    """What all seeds share: compiled runtimes and a simulated board, made when first needed."""

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._made = scratch, {}
        self.counts = dict.fromkeys(("accelerator_layers", "processor_layers"), 0)
        self.folder = scratch / "seed"
        self.parts: dict[str, Callable[[np.random.Generator, bytes, Graph, str], None]] = {
            "interpreter": self.interpreter,
            "host": self.host,
            "core": self.core,
            "accelerator": self.accelerator,
            "file": self.file,
            "frames": self.frames,
            "shapes": self.shapes,
            "damaged": self.damaged,
            **{part: functools.partial(self.serial, part) for part in fuzz_serial.NAMES},
        }

    def _once(self, name: str, make: Callable[[Path], object]) -> object:
        if name not in self._made:
            folder = self._scratch / name
            folder.mkdir()
            self._made[name] = make(folder)
        return self._made[name]

    @property
    def board(self) -> SimulatedBoard:
        return self._once("board", SimulatedBoard)

    def interpreter(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """Golden on every tensor, and on the file with the revealed weights."""
        x, oracle = inputs_of(graph, rng, 6), Oracle(data)
        rounding = reference_info(oracle.runtime).rounding
        result = run(graph, x, rounding=rounding, keep="all")
        for index, expected in oracle.tensors(x).items():
            np.testing.assert_array_equal(result.tensors[index], expected, err_msg=f"tensor {index}")
        revealed = lower_with(graph, "int8", budget).revealed
        golden = run(graph, x, weights=revealed, rounding=rounding).outputs
        for index, expected in Oracle(rewrite_weights(data, revealed)).outputs(x).items():
            np.testing.assert_array_equal(golden[index], expected)

    def host(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """C with one kernel, under address and undefined-behaviour sanitizers."""
        program, x = lower_with(graph, str(rng.choice(KERNELS)), budget), with_extremes(graph, rng, 6)
        runtime = self._once("runtime", harness_build.compile_runtime)
        harness = [harness_build.HERE / "harness_model.c"]
        executable = harness_build.compile_model(program, self.folder / "host", runtime, harness)
        assert harness_build.run_c(executable, as_bytes(x, graph.inputs)) == expected_bytes(graph, program, x)
        if graph.states:  # one sequence
            sequence = {index: values[np.newaxis] for index, values in x.items()}
            golden = run(graph, sequence, weights=program.revealed, data_terms=data_terms(program)).outputs
            answers = harness_build.run_c(executable, as_bytes(x, graph.inputs), arguments=["sequence"])
            assert answers == as_bytes(golden, graph.outputs, 2)

    def core(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """The code of one core, emulated."""
        name = str(rng.choice(list(harness_cores.TARGETS)))
        target = harness_cores.TARGETS[name]
        program, x = lower_with(graph, str(rng.choice(KERNELS)), budget, target.isa), with_extremes(graph, rng, 2)
        runtime = self._once(name, lambda folder: harness_cores.compile_runtime_for(target, folder))
        elf = harness_cores.link_model(target, program, runtime, self.folder / "core")
        assert harness_cores.run_model(elf, program, x) == expected_bytes(graph, program, x)

    def accelerator(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """The program under the real driver; cycles as predicted, unless streams pause. Half of the models have little
        memory, so that layers are computed in strips."""
        words = f.ACTIVATION_WORDS.value if len(data) % 2 else 24 + len(data) % 97
        program = lower_accel(graph, parse_budget(budget), words=words)
        pauses = [int(v) for v in rng.choice([0, 0, 60], 2)]
        self.board.core.pause(*pauses, int(rng.integers(1, 1000)))
        compare(self.board, graph, program, inputs_of(graph, rng, 4), predicted=not any(pauses))
        self.counts["accelerator_layers"] += len(program.most.layers)
        self.counts["processor_layers"] += len(program.most.host_layers)

    def shapes(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """Another model, of odd shapes, through the accelerator's part."""
        data = random_shapes.build(rng)
        self.accelerator(rng, data, parse(data), budget)

    def file(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """The model's file with some bytes changed, or cut short: refused as an EdgeTrError, or a model."""
        for _ in range(30):
            damaged = bytearray(data[: int(rng.integers(1, len(data)))] if rng.random() < 0.2 else data)
            for at in rng.integers(0, len(damaged), int(rng.integers(1, 6))):
                damaged[at] = int(rng.integers(256))
            try:
                found = parse(bytes(damaged))
                if max(tensor.size for tensor in found.tensors) < LARGEST:
                    lower_with(found, "int8", budget)
                    lower_accel(found, parse_budget(budget))
            except EdgeTrError:
                pass

    def frames(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """The agent takes any bytes, answers them with a frame, and then a whole HELLO."""
        if self.board.accelerator is None or self.board.accelerator.program is None:
            return
        agent = self.board.module("agent").Agent(self.board.accelerator, lambda line: None)
        commands = [member.value for member in COMMAND.members]
        for _ in range(40):
            payload = rng.bytes(int(rng.integers(0, 40)))
            command = int(rng.choice(commands)) if rng.random() < 0.8 else int(rng.integers(256))
            wire = bytearray(frames.encode(Frame(command, int(rng.integers(1 << 16)), 0, payload=payload)).strip(b"\0"))
            for at in rng.integers(0, len(wire), int(rng.integers(0, 3))):
                wire[at] = int(rng.integers(1, 256))
            frames.decode(agent.answer(bytes(wire)).strip(b"\0"))
        hello = frames.encode(Frame(COMMAND.HELLO, 1, 0)).strip(b"\0")
        assert frames.decode(agent.answer(hello).strip(b"\0")).status == frames.STATUS.OK

    def damaged(self, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """Samples, budgets, boards, manifests and build folders, see `tests.damaged`."""
        self._once("damaged", Damaged).seed(int(rng.integers(1 << 31)))

    def serial(self, part: str, rng: np.random.Generator, data: bytes, graph: Graph, budget: str) -> None:
        """One side of the serial link or the loader, whatever the model: `make fuzz-serial` does nothing else."""
        run, _ = self._once(part, functools.partial(fuzz_serial.runner, part))
        run(int(rng.integers(1 << 31)), SERIAL[part])

    def seed(self, seed: int, parts: list[str]) -> None:
        """One model through `parts`; AssertionError or what else went wrong."""
        rng = np.random.default_rng(seed)
        data, budget = random_model(rng), random_budget(rng)
        graph = parse(data)
        for part in parts:
            with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
                self.folder = Path(folder)
                for name in ("host", "core"):
                    (self.folder / name).mkdir()
                self.parts[part](np.random.default_rng([seed, list(self.parts).index(part)]), data, graph, budget)


def main() -> int:
    """Entry point; the exit code: 1 after the first failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=0, help="models; 0: until the time is up")
    parser.add_argument("--minutes", type=float, default=10.0, help="if no count is given (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the first one (default: by the clock)")
    parser.add_argument(
        "--parts",
        default="",
        help="some of interpreter,host,core,accelerator,file,frames,shapes,damaged," + ",".join(fuzz_serial.NAMES),
    )
    parser.add_argument("--report", type=Path, help="write what was tried and what was found as JSON")
    arguments = parser.parse_args()
    first = int(time.time()) if arguments.seed is None else arguments.seed
    start, done, failed = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as scratch:
        fuzz = Fuzz(Path(scratch))
        parts = arguments.parts.split(",") if arguments.parts else list(fuzz.parts)
        while done < arguments.count or (not arguments.count and time.monotonic() - start < 60 * arguments.minutes):
            seed = first + done
            try:
                fuzz.seed(seed, parts)
            except Exception:
                traceback.print_exc()
                print(f"fuzz: seed {seed} failed; reproduce: make fuzz SEED={seed} COUNT=1", file=sys.stderr)
                failed.append(seed)
                break
            done += 1
            of = f" of {arguments.count}" if arguments.count else ""
            print(f"\rfuzz: {done}{of} models, {time.monotonic() - start:.0f} s", end="", file=sys.stderr, flush=True)
    if arguments.report:
        tried = {"first_seed": first, "models": done, "parts": parts, "failed_seeds": failed}
        seconds = {"seconds": round(time.monotonic() - start), "processor_seconds": round(time.process_time())}
        arguments.report.write_text(json.dumps(tried | fuzz.counts | seconds, indent=1) + "\n")
    if not failed:
        print(f"\nfuzz: {done} models from seed {first} agree everywhere", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
