"""What `edge-tr build` scheduled for this model: program.json and program.npz of this package."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.errors import UsageError
from edge_tr_pynq.record import Record

FORMAT = 6
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Layer:
    """A layer of the accelerator: it ends before the last of the commands `stops`; its tensor is `words` activation
    words from `address`, element i (NHWC) in byte `index[i]`. Layers that take turns have several stops: element i is
    there at stop `part[i]`, and later perhaps no more."""

    name: str
    tensor: int
    stops: tuple[int, ...]
    address: int
    words: int
    cycles: int
    index: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class HostLayer:
    """A layer that the processor computes: number `output` of what `Record.golden` gives; `data_terms`: int16 [511] or
    None."""

    name: str
    tensor: int
    inputs: tuple[int, ...]
    output: int
    record: Record
    data_terms: np.ndarray | None


@dataclass(frozen=True)
class Send:
    """An INPUT: which element of a tensor each byte is, -1 for zero."""

    tensor: int
    index: np.ndarray


@dataclass(frozen=True)
class Segment:
    """One run of the accelerator from command `entry` on: `sends`, then `stream`; of its layers the processor needs
    those at `reads`, the first of which comes by itself."""

    entry: int
    sends: tuple[Send, ...]
    stream: np.ndarray
    layers: tuple[Layer, ...]
    reads: tuple[int, ...]

    @property
    def result(self) -> Layer:
        return self.layers[self.reads[0]]

    @property
    def stops(self) -> list[tuple[int, Layer, int]]:
        """(stop, layer, part) in order: the commands before a stop, from the stop before, are of that layer."""
        stops = [(stop, layer, n) for layer in self.layers for n, stop in enumerate(layer.stops)]
        return sorted(stops, key=lambda entry: entry[0])


@dataclass(frozen=True)
class Turn:
    """What the processor computes, then what the accelerator does; the last turn may have no segment."""

    host: tuple[HostLayer, ...]
    segment: Segment | None


@dataclass(frozen=True)
class Tensor:
    """An end of the model: shape of one sample, and real = scale * (int8 - zero_point)."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


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
        return next((layer.name for stop, layer, _ in stops if command < stop), "output")


@dataclass(frozen=True)
class Program:
    """A model for the accelerator, with each of its budgets from the fewest terms on; arrays as in
    edge_tr.accel.AccelProgram."""

    model: str
    model_sha256: str
    build_id: int
    board_id: int
    clock_hz: int
    version: int
    crc: int
    source: int
    result: int
    input: Tensor
    output: Tensor
    levels: tuple[Level, ...]
    load: np.ndarray


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
    facts = {name: value for name, value in facts.items() if name != "format"}
    ends = {end: Tensor(**{**facts.pop(end), "shape": tuple(facts_shape)}) for end, facts_shape in _shapes(facts)}
    levels = tuple(_level(level, _below(arrays, f"{number}.")) for number, level in enumerate(facts.pop("levels")))
    return Program(**facts, **ends, levels=levels, load=arrays["load"])


def _below(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Those whose name begins so, by the rest of it."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _level(facts: dict, arrays: dict[str, np.ndarray]) -> Level:
    turns, segments, hosts = [], 0, 0
    for turn in facts["turns"]:
        host = tuple(_host(layer, arrays, hosts + i) for i, layer in enumerate(turn["host"]))
        segment = None if turn["segment"] is None else _segment(turn["segment"], arrays, segments)
        turns.append(Turn(host, segment))
        hosts, segments = hosts + len(host), segments + (segment is not None)
    return Level(facts["budget"], facts["cycles"], tuple(turns))


def _segment(facts: dict, arrays: dict[str, np.ndarray], number: int) -> Segment:
    sends = tuple(Send(tensor, arrays[f"send{number}.{i}"]) for i, tensor in enumerate(facts["sends"]))
    layers = tuple(
        _layer(layer, *(arrays[f"{name}{number}.{i}"] for name in ("layer", "part")))
        for i, layer in enumerate(facts["layers"])
    )
    return Segment(facts["entry"], sends, arrays[f"stream{number}"], layers, tuple(facts["reads"]))


def _host(facts: dict, arrays: dict[str, np.ndarray], number: int) -> HostLayer:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in facts["record"].items()}
    values |= _below(arrays, f"host{number}.")
    data_terms = values.pop("data_terms", None)
    module, name = facts["kind"]
    record = _record(getattr(import_module(f"edge_tr_pynq.operators.{module}"), name), values)
    return HostLayer(facts["name"], facts["tensor"], tuple(facts["inputs"]), facts["output"], record, data_terms)


def _record(kind: type, values: dict[str, object]) -> object:
    """`values` by field, those of a dataclass inside by `field.name`."""
    found, hints = {name: value for name, value in values.items() if "." not in name}, get_type_hints(kind)
    for field in {name.partition(".")[0] for name in values if "." in name}:
        nested = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(f"{field}.")}
        inside = next(hint for hint in (hints[field], *get_args(hints[field])) if is_dataclass(hint))  # or None
        found[field] = _record(inside, nested)
    return kind(**found)


def _layer(facts: dict, index: np.ndarray, part: np.ndarray) -> Layer:
    return Layer(**{**facts, "stops": tuple(facts["stops"])}, index=index, part=np.broadcast_to(part, index.shape))


def _shapes(facts: dict) -> list[tuple[str, list[int]]]:
    return [(end, facts[end]["shape"]) for end in ("input", "output")]
