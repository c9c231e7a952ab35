"""What `edge-tr build` scheduled for this model: program.json and program.npz of this package."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.errors import UsageError
from edge_tr_pynq.graph import Graph, Quantization, Tensor
from edge_tr_pynq.record import Record

FORMAT = 8
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Part:
    """Part of a layer's tensor, which is there before command `stop`, and later perhaps no more: byte `index[i]` of
    `words` activation words from `address` is element `first` + i (NHWC), unless it is -1."""

    stop: int
    address: int
    words: int
    first: int
    index: np.ndarray


@dataclass(frozen=True)
class Layer:
    """A layer of the accelerator: it ends before the stop of the last of its parts."""

    name: str
    tensor: int
    cycles: int
    parts: tuple[Part, ...]

    @property
    def elements(self) -> int:
        """Of its tensor."""
        return max(part.first + len(part.index) for part in self.parts)


@dataclass(frozen=True)
class HostLayer:
    """A layer that the processor computes: number `output` of what `Record.golden` gives, of which the last ones are
    the new values of the states `updates`; `data_terms`: int16 [511] or None."""

    name: str
    tensor: int
    inputs: tuple[int, ...]
    output: int
    updates: tuple[int, ...]
    record: Record
    data_terms: np.ndarray | None


@dataclass(frozen=True)
class Send:
    """An INPUT: which element of a tensor each byte is, -1 for zero; it comes behind `after` beats of the stream."""

    tensor: int
    after: int
    index: np.ndarray


@dataclass(frozen=True)
class Read:
    """An OUTPUT, number `command`, of `words` words: byte `index[i]` is element `first` + i of the tensor."""

    command: int
    tensor: int
    words: int
    first: int
    index: np.ndarray


@dataclass(frozen=True)
class Segment:
    """One run of the accelerator from command `entry` on: `stream`, between whose beats the `sends` come; `reads` come
    back, one after the other."""

    entry: int
    sends: tuple[Send, ...]
    stream: np.ndarray
    layers: tuple[Layer, ...]
    reads: tuple[Read, ...]

    @property
    def stops(self) -> list[tuple[Part, Layer]]:
        """By stop: the commands before it, from the stop before, are of that part."""
        return sorted(((part, layer) for layer in self.layers for part in layer.parts), key=lambda entry: entry[0].stop)


@dataclass(frozen=True)
class Turn:
    """What the processor computes, then what the accelerator does; the last turn may have no segment."""

    host: tuple[HostLayer, ...]
    segment: Segment | None


@dataclass(frozen=True)
class Level:
    """One budget: its turns, and the predicted cycles of an inference."""

    budget: str
    cycles: int
    turns: tuple[Turn, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(turn.segment for turn in self.turns if turn.segment)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Of the accelerator."""
        return tuple(layer for segment in self.segments for layer in segment.layers)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all layers, the processor's too, in the order in which they run."""
        return tuple(
            layer.name for turn in self.turns for layer in (*turn.host, *(turn.segment.layers if turn.segment else ()))
        )

    def name_at(self, command: int) -> str:
        """The layer that a command belongs to, for messages."""
        stops = (entry for segment in self.segments for entry in segment.stops)
        return next((layer.name for part, layer in stops if command < part.stop), "output")


@dataclass(frozen=True)
class Program:
    """A model for the accelerator, with each of its budgets from the fewest terms on; arrays as in
    edge_tr.accel.AccelProgram; `word_bytes`: of an activation word. `graph` has the model's ends and states alone;
    `results`: for each output the tensor whose values it has, maybe in another shape."""

    model: str
    model_sha256: str
    build_id: int
    board_id: int
    clock_hz: int
    word_bytes: int
    version: int
    crc: int
    graph: Graph
    results: tuple[int, ...]
    levels: tuple[Level, ...]
    load: np.ndarray

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """In the model's order, as the accelerator's program takes them."""
        return tuple(map(self.graph.tensor, self.graph.inputs))

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """In the model's order, as the accelerator's program gives them."""
        return tuple(map(self.graph.tensor, self.graph.outputs))

    @property
    def input_names(self) -> tuple[str, ...]:
        """As the model file has them; x0, x1, ... where it names none, or two alike."""
        return _names(self.graph.file_inputs, "x")

    @property
    def output_names(self) -> tuple[str, ...]:
        """The same, y0, y1, ..."""
        return _names(self.graph.file_outputs, "y")


def _names(tensors: tuple[Tensor, ...], letter: str) -> tuple[str, ...]:
    owners: dict[str, set[int]] = {}
    for tensor in tensors:
        owners.setdefault(tensor.name, set()).add(tensor.index)
    good = (tensor.name and len(owners[tensor.name]) == 1 for tensor in tensors)
    return tuple(tensor.name if is_good else f"{letter}{i}" for i, (tensor, is_good) in enumerate(zip(tensors, good)))


def read_program(folder: Path = FOLDER) -> Program:
    """The program in `folder`; UsageError if it is missing, damaged or of another edge-tr."""
    try:
        facts = json.loads((folder / "program.json").read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise UsageError(f"{folder} holds a program of another edge-tr: build again")
        with np.load(folder / "program.npz") as arrays:
            return _program(facts, {name: arrays[name] for name in arrays.files})
    except FileNotFoundError as error:
        raise UsageError(f"no program: {error.filename} is missing; copy the whole build folder") from error
    except (KeyError, AttributeError, TypeError, ValueError, OSError, BadZipFile, zlib.error) as error:
        raise UsageError(f"the program in {folder} is damaged ({error}): build again") from error


def _program(facts: dict, arrays: dict[str, np.ndarray]) -> Program:
    levels = tuple(_level(level, _below(arrays, f"{number}.")) for number, level in enumerate(facts["levels"]))
    names = ("model", "model_sha256", "build_id", "board_id", "clock_hz", "word_bytes", "version", "crc")
    results, graph = tuple(facts["results"]), _graph(facts, arrays)
    return Program(
        **{name: facts[name] for name in names}, graph=graph, results=results, levels=levels, load=arrays["load"]
    )


def _graph(facts: dict, arrays: dict[str, np.ndarray]) -> Graph:
    """Ends and states at their indices."""
    ends = {tensor.index: tensor for tensor in map(_tensor, facts["tensors"])}
    states = {index: arrays[f"state{index}"] for index in facts["states"]}
    return Graph(
        tensors=tuple(map(ends.get, range(max(ends) + 1))),
        ops=(),
        inputs=tuple(facts["inputs"]),
        outputs=tuple(facts["outputs"]),
        sha256=facts["model_sha256"],
        states=states,
        file_inputs=tuple(map(_tensor, facts["file_inputs"])),
        file_outputs=tuple(map(_tensor, facts["file_outputs"])),
    )


def _tensor(facts: dict) -> Tensor:
    of = None
    if facts["scale"] is not None:
        of = Quantization(np.array([facts["scale"]], np.float32), np.array([facts["zero_point"]], np.int64))
    return Tensor(facts["index"], facts["name"], tuple(facts["shape"]), facts["dtype"], of)


def _below(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Those whose name begins so, by the rest of it."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _level(facts: dict, arrays: dict[str, np.ndarray]) -> Level:
    turns, segments = [], 0
    for turn in facts["turns"]:
        segment = None if turn["segment"] is None else _segment(turn["segment"], arrays, segments)
        turns.append(Turn(tuple(_host(layer, arrays) for layer in turn["host"]), segment))
        segments += segment is not None
    return Level(facts["budget"], facts["cycles"], tuple(turns))


def _segment(facts: dict, arrays: dict[str, np.ndarray], number: int) -> Segment:
    sends = tuple(Send(**send, index=arrays[f"send{number}.{i}"]) for i, send in enumerate(facts["sends"]))
    reads = tuple(Read(**read, index=arrays[f"read{number}.{i}"]) for i, read in enumerate(facts["reads"]))
    layers = tuple(_layer(layer, _below(arrays, f"part{number}.{i}.")) for i, layer in enumerate(facts["layers"]))
    return Segment(facts["entry"], sends, arrays[f"stream{number}"], layers, reads)


def _host(facts: dict, arrays: dict[str, np.ndarray]) -> HostLayer:
    record, data_terms = (_unpacked(facts[name], arrays) for name in ("record", "data_terms"))
    inputs, updates = tuple(facts["inputs"]), tuple(facts["updates"])
    return HostLayer(facts["name"], facts["tensor"], inputs, facts["output"], updates, record, data_terms)


def _unpacked(value: object, arrays: dict[str, np.ndarray]) -> object:
    """What edge_tr.codegen.overlay.packed wrote; KeyError, ValueError or AttributeError if it did not."""
    if isinstance(value, list):
        return tuple(_unpacked(part, arrays) for part in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    module = value["module"]
    if module != "record" and module.partition(".")[0] != "operators":
        raise ValueError(f"records of {module}")
    fields = {name: _unpacked(part, arrays) for name, part in value["fields"].items()}
    return getattr(import_module(f"edge_tr_pynq.{module}"), value["class"])(**fields)


def _layer(facts: dict, arrays: dict[str, np.ndarray]) -> Layer:
    parts = tuple(Part(**part, index=arrays[str(i)]) for i, part in enumerate(facts["parts"]))
    return Layer(**{**facts, "parts": parts})
