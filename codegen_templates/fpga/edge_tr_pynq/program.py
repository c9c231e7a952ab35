"""What `edge-tr build` scheduled for this model: program.json and program.npz of this package."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.errors import UsageError

FORMAT = 1
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Layer:
    """A layer of the accelerator: it ends before the last of the commands `stops`; its tensor is `words` activation
    words from `address`, element i (NHWC) in byte `index[i]`, less the zero point. Layers that take turns have several
    stops: element i is there at stop `part[i]`, and later perhaps no more."""

    name: str
    stops: tuple[int, ...]
    address: int
    words: int
    zero_point: int
    cycles: int
    index: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Softmax:
    """A softmax over rows of `depth` values that the processor computes, see `softmax.exponentials`."""

    name: str
    depth: int
    multiplier: int
    left_shift: int
    diff_min: int


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
class Program:
    """A model for the accelerator; arrays as in edge_tr.lower.accel.AccelProgram."""

    model: str
    model_sha256: str
    build_id: int
    board_id: int
    clock_hz: int
    version: int
    crc: int
    entry: int
    cycles: int
    output_words: int
    input: Tensor
    output: Tensor
    layers: tuple[Layer, ...]
    host: tuple[Softmax, ...]
    load: np.ndarray
    stream: np.ndarray
    input_index: np.ndarray
    output_index: np.ndarray

    def name_at(self, command: int) -> str:
        """The layer that a command belongs to, for messages."""
        return next((self.layers[i].name for stop, i, _ in self.segments() if command < stop), "output")

    def segments(self) -> list[tuple[int, int, int]]:
        """(stop, layer, part) in order: the commands before a stop, from the stop before, are of that layer."""
        return sorted((stop, i, n) for i, layer in enumerate(self.layers) for n, stop in enumerate(layer.stops))


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
    except (KeyError, TypeError, ValueError, OSError, BadZipFile, zlib.error) as error:
        raise UsageError(f"the program in {folder} is damaged ({error}): build again") from error


def _program(facts: dict, arrays: dict[str, np.ndarray]) -> Program:
    facts = dict(facts)
    del facts["format"]
    ends = {end: Tensor(**{**facts.pop(end), "shape": tuple(facts_shape)}) for end, facts_shape in _shapes(facts)}
    layers = tuple(_layer(layer, *(arrays.pop(f"{name}{i}") for name in ("layer", "part")))
                   for i, layer in enumerate(facts.pop("layers")))  # fmt: skip
    host = tuple(Softmax(**op) for op in facts.pop("host"))
    return Program(**facts, **ends, layers=layers, host=host, **arrays)


def _layer(facts: dict, index: np.ndarray, part: np.ndarray) -> Layer:
    return Layer(**{**facts, "stops": tuple(facts["stops"])}, index=index, part=np.broadcast_to(part, index.shape))


def _shapes(facts: dict) -> list[tuple[str, list[int]]]:
    return [(end, facts[end]["shape"]) for end in ("input", "output")]
