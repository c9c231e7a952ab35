"""Protocols of other tools that an image speaks beside its frames: which are wanted, and what they know of the model.

The runner of MLPerf Tiny sends each of its benchmarks' inputs in a form of its own, so that a build says which
benchmark its model is: the one that was named, or the one whose inputs and outputs the model has. ST's runner asks the
board.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_tr import __version__
from edge_tr.boards import Board
from edge_tr.errors import UsageError
from edge_tr.graph import Graph, Tensor
from edge_tr.ir.schema import KINDS
from edge_tr.lower.program import Program

MLPERF, ST = "mlperf", "st"
NAMES = (MLPERF, ST)
LONGEST_NAME = 63
"""Characters of a model's name, which ST's protocol has room for."""
_ST_RAM = 512
_MLPERF_RAM = 128


@dataclass(frozen=True)
class Benchmark:
    """One of MLPerf Tiny's, as its runner knows it.

    inputs, outputs  elements of the reference model's tensors
    sends            what the runner sends for an input
    item_bytes       of an element that it sends
    offset           what the device takes from each
    is_error         whether the result is the mean squared error of the output against the input, not the output
    """

    name: str
    inputs: int
    outputs: int
    sends: str
    item_bytes: int = 1
    offset: int = 0
    is_error: bool = False


_PIXELS = "uint8, from which the device takes 128"
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark("kws01", 490, 12, "int8, taken as they are"),
        Benchmark("ic01", 3072, 10, _PIXELS, offset=128),
        Benchmark("vww01", 27_648, 2, _PIXELS, offset=128),
        Benchmark("ad01", 640, 640, "float32, little endian, which the device quantises", item_bytes=4, is_error=True),
    )
}


@dataclass(frozen=True)
class Wanted:
    """What was asked for: names of NAMES, and of BENCHMARKS or None."""

    names: tuple[str, ...] = ()
    benchmark: str | None = None


@dataclass(frozen=True)
class AsBenchmark:
    """A model as one of the benchmarks, and why: `bytes` of an input as the runner sends it, `ram_bytes` that it takes
    on the device."""

    benchmark: Benchmark
    why: str
    bytes: int
    ram_bytes: int


@dataclass(frozen=True)
class Protocols:
    """What an image speaks beside frames."""

    mlperf: AsBenchmark | None = None
    st: bool = False

    def __bool__(self) -> bool:
        return self.st or self.mlperf is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """For people, a line each."""
        mlperf = () if self.mlperf is None else (self.mlperf.why,)
        return (*mlperf, *(("ST's stm_ai_runner 3.1 is answered",) if self.st else ()))

    @property
    def ram_bytes(self) -> int:
        """Estimated, of their buffers."""
        return (0 if self.mlperf is None else self.mlperf.ram_bytes) + (_ST_RAM if self.st else 0)


NOTHING, NONE = Wanted(), Protocols()


def wanted(names: Sequence[str], benchmark: str | None) -> Wanted:
    """The request; UsageError for names that there are not, or a benchmark without its protocol."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UsageError(f"--protocol {unknown[0]}: there are {', '.join(NAMES)}")
    if benchmark is not None and benchmark not in BENCHMARKS:
        raise UsageError(f"--mlperf {benchmark}: there are {', '.join(BENCHMARKS)}")
    if benchmark is not None and MLPERF not in names:
        raise UsageError(f"--mlperf {benchmark} needs --protocol {MLPERF}")
    return Wanted(tuple(dict.fromkeys(names)), benchmark)


def protocols_of(request: Wanted, graph: Graph, board: Board) -> Protocols:
    """What a build of `graph` for `board` has; UsageError where it cannot."""
    if not request.names:
        return NONE
    if board.ticks != "time":
        raise UsageError(
            f"--protocol {','.join(request.names)}: these protocols report times, and {board.name} has no clock: "
            f"its counter counts {board.ticks}; choose another board"
        )
    return Protocols(_as_benchmark(request, graph) if MLPERF in request.names else None, ST in request.names)


def _as_benchmark(request: Wanted, graph: Graph) -> AsBenchmark:
    """The benchmark that was named, or the only one that the model looks like."""
    inputs, outputs = graph.named_inputs, graph.named_outputs
    if graph.states:
        raise UsageError(f"--protocol {MLPERF}: this model has states, which the runner does not support")
    if len(inputs) != 1 or len(outputs) != 1 or not (_is_int8(inputs[0]) and _is_int8(outputs[0])):
        raise UsageError(
            f"--protocol {MLPERF}: it knows one int8 input and one int8 output, this model has {_ends(graph)}"
        )
    sizes = (inputs[0].size, outputs[0].size)
    if request.benchmark is None:
        found = [of for of in BENCHMARKS.values() if (of.inputs, of.outputs) == sizes]
        if not found:
            known = "; ".join(f"{of.name} {of.inputs:,} and {of.outputs}" for of in BENCHMARKS.values())
            raise UsageError(
                f"--protocol {MLPERF}: a model of {sizes[0]:,} inputs and {sizes[1]:,} outputs is none of its "
                f"benchmarks ({known}): say with --mlperf NAME as which of them its inputs come and its results go"
            )
        benchmark, because = (
            found[0],
            f"as its {sizes[0]:,} inputs and {sizes[1]:,} outputs say (--mlperf NAME chooses)",
        )
    else:
        benchmark, because = BENCHMARKS[request.benchmark], "as --mlperf says"
        if (benchmark.inputs, benchmark.outputs) != sizes:
            because += f"; it has {sizes[0]:,} inputs and {sizes[1]:,} outputs, so its files are not the benchmark's"
    if benchmark.is_error and sizes[0] != sizes[1]:
        raise UsageError(f"--mlperf {benchmark.name} compares the output with the input: this model has {_ends(graph)}")
    why = f"MLPerf Tiny's runner is answered as {benchmark.name}, {because}; inputs are {benchmark.sends}"
    sent = sizes[0] * benchmark.item_bytes
    kept = sizes[0] if benchmark.is_error else sizes[1]
    return AsBenchmark(benchmark, why, sent, sent + kept + _MLPERF_RAM)


def _is_int8(tensor: Tensor) -> bool:
    return tensor.dtype == "int8" and tensor.quantization is not None


def _ends(graph: Graph) -> str:
    listed = (
        ", ".join(f"{t.dtype} {list(t.shape)}" for t in ends) for ends in (graph.named_inputs, graph.named_outputs)
    )
    return " to ".join(listed)


# --- generated files ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ToldLayer:
    """A layer as ST's runner is told of it. `type`: the operator's number in TensorFlow Lite; `scale` 0 without
    quantisation."""

    number: int
    name: str
    type: int
    tensor: Tensor
    scale: float
    zero_point: int


def context(protocols: Protocols, program: Program, model_name: str) -> dict[str, object]:
    """What the templates of protocols' files want beside the model's."""
    return {
        "protocols": protocols,
        "runtime_version": _version_number(),
        "macs": sum(product.dot.macs for product in program.products),
        "c_name": c_name(model_name),
        "told_layers": list(_told(program)),
    }


def c_name(model_name: str) -> str:
    """A model file's name as one in C, which ST's runner calls the model by."""
    stem = re.sub(r"\W", "_", model_name.removesuffix(".tflite"), flags=re.ASCII)[:LONGEST_NAME]
    return stem or "model"


def _version_number() -> int:
    """edge-tr's, as major << 24 | minor << 16 | patch << 8."""
    major, minor, patch = (int(part) for part in __version__.split(".")[:3])
    return major << 24 | minor << 16 | patch << 8


def _told(program: Program) -> Iterator[ToldLayer]:
    numbers = {name: number for number, name in KINDS.items()}
    for number, layer in enumerate(program.layers):
        tensor = program.alive.graph.tensor(layer.output)
        of = tensor.quantization
        scale, zero_point = (0.0, 0) if of is None else (float(of.scale[0]), int(of.zero_point[0]))
        yield ToldLayer(number, layer.name, numbers.get(layer.op.kind, 0), tensor, scale, zero_point)
