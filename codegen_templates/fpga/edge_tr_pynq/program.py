"""What `edge-tr build` scheduled for this model: program.json and program.npz of this package."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.errors import UsageError

FORMAT = 2
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Layer:
    """A layer of the accelerator: its tensor is `words` activation words from `address`, element i (NHWC) in byte
    `index[i]`, less the zero point."""

    name: str
    address: int
    words: int
    zero_point: int
    index: np.ndarray


@dataclass(frozen=True)
class Level:
    """One of the budgets that the program holds: its commands begin at `entry`, those of layer i end before `stops[i]`;
    predicted cycles; `stream` follows the input of each inference."""

    budget: str
    entry: int
    cycles: int
    stops: tuple[int, ...]
    layer_cycles: tuple[int, ...]
    stream: np.ndarray


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
    """A model for the accelerator, with one budget or several, `levels`, from the fewest terms to the most; arrays as
    in edge_tr.lower.accel.AccelProgram."""

    model: str
    model_sha256: str
    build_id: int
    board_id: int
    clock_hz: int
    version: int
    crc: int
    levels: tuple[Level, ...]
    output_words: int
    input: Tensor
    output: Tensor
    layers: tuple[Layer, ...]
    host: tuple[Softmax, ...]
    load: np.ndarray
    input_index: np.ndarray
    output_index: np.ndarray

    def name_at(self, command: int) -> str:
        """The layer that a command belongs to, for messages."""
        level = next((level for level in reversed(self.levels) if level.entry <= command), self.levels[0])
        return next((layer.name for layer, stop in zip(self.layers, level.stops) if command < stop), "output")


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
    layers = tuple(Layer(**layer, index=arrays.pop(f"layer{i}")) for i, layer in enumerate(facts.pop("layers")))
    levels = tuple(_level(level, arrays.pop(f"stream{i}")) for i, level in enumerate(facts.pop("levels")))
    host = tuple(Softmax(**op) for op in facts.pop("host"))
    return Program(**facts, **ends, layers=layers, levels=levels, host=host, **arrays)


def _level(facts: dict, stream: np.ndarray) -> Level:
    lists = {name: tuple(facts[name]) for name in ("stops", "layer_cycles")}
    return Level(**{**facts, **lists}, stream=stream)


def _shapes(facts: dict) -> list[tuple[str, list[int]]]:
    return [(end, facts[end]["shape"]) for end in ("input", "output")]
