"""Samples as people have them: .npz, .npy, .csv, and folders of images or of .wav files, as arrays by name.

`x` are samples, `y` labels, `classes` the names of these. Nothing is resized or scaled here: `edge-tr data make` does
that where it is asked to.
"""

from __future__ import annotations

import contextlib
import csv
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.npz import open_npz
from edge_tr.files.writing import replacing, writing_to

IMAGES, SOUNDS = (".png", ".jpg", ".jpeg", ".bmp"), (".wav",)
LABELS, CLASSES = "y", "classes"
_LABEL_COLUMNS = ("y", "label", "labels", "class")


class Array(Protocol):
    """What is known of an array before it is read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def rows(self, most: int | None = None) -> np.ndarray:
        """The first `most` along the first axis, or all."""


@dataclass(frozen=True)
class Loaded:
    """An array that is in memory, or mapped into it."""

    values: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """As numpy has it."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        """As numpy has it."""
        return self.values.dtype

    def rows(self, most: int | None = None) -> np.ndarray:
        """The first `most` along the first axis, or all."""
        return np.array(self.values[:most])


@contextlib.contextmanager
def open_data(path: Path) -> Iterator[Mapping[str, Array]]:
    """Arrays by name; OSError, or ValueError if the file is none of these; UsageError for a folder of other things."""
    if path.is_dir():
        yield {name: Loaded(values) for name, values in read_folder(path).items()}
    elif path.suffix == ".npy":
        yield {"x": Loaded(np.load(path, mmap_mode="r", allow_pickle=False))}
    elif path.suffix == ".csv":
        yield {name: Loaded(values) for name, values in _read_csv(path).items()}
    else:
        with open_npz(path) as arrays:
            yield arrays


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    """A row a sample; a column called y, label or class holds labels, numbers or names, all others are x."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError("it holds no rows")
    head = None if all(map(_is_number, rows[0])) else [name.strip().lower() for name in rows.pop(0)]
    labelled = next((i for i, name in enumerate(head or ()) if name in _LABEL_COLUMNS), None)
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("its rows have different numbers of columns, or there are none")
    kept = [[value for i, value in enumerate(row) if i != labelled] for row in rows]
    found = {"x": np.array(kept, np.float32)}
    return found if labelled is None else found | _labels([row[labelled].strip() for row in rows])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _labels(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Integers as they are; names in their order, which becomes `classes`."""
    if all(name.lstrip("-").isdecimal() for name in names):
        return {LABELS: np.array(names, np.int64)}
    classes = sorted(set(names))
    return {LABELS: np.array([classes.index(name) for name in names], np.int64), CLASSES: np.array(classes)}


def read_folder(folder: Path, size: tuple[int, int] | None = None, grey: bool = False) -> dict[str, np.ndarray]:
    """Images as uint8 [n, height, width, channels], or sounds as int16 [n, samples]; a folder in it is a class, named
    after it, in the order of their names.

    size  (height, width) that images are resized to; grey: to one channel. UsageError unless all have one shape then.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES + SOUNDS)
    kinds = {path.suffix.lower() in SOUNDS for path in files}
    if len(kinds) != 1:
        what = "images (PNG, JPEG) or .wav files" if not kinds else "images and sounds: keep them apart"
        raise UsageError(f"{folder} holds {'no ' if not kinds else ''}{what}")
    read = _sound if kinds == {True} else lambda path: _image(path, size, grey)
    samples = [read(path) for path in files]
    other = next((i for i, sample in enumerate(samples) if sample.shape != samples[0].shape), None)
    if other is not None:
        remedy = "cut them to one length" if kinds == {True} else "edge-tr data make has --size HEIGHTxWIDTH and --grey"
        shapes = f"{list(samples[0].shape)} and {files[other].name} {list(samples[other].shape)}"
        raise UsageError(f"{folder}: {files[0].name} is {shapes}: {remedy}")
    found = {"x": np.stack(samples)}
    parents = [path.relative_to(folder).parts[0] if path.parent != folder else "" for path in files]
    return found if "" in parents else found | _by_folder(parents)


def _by_folder(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Folders that are numbers are sorted as numbers."""
    classes = sorted(set(names), key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
    return {LABELS: np.array([classes.index(name) for name in names], np.int64), CLASSES: np.array(classes)}


def _image(path: Path, size: tuple[int, int] | None, grey: bool) -> np.ndarray:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UsageError("reading images needs Pillow: pip install 'edge-tr[images]'") from None
    try:
        with Image.open(path) as image:
            plain = image.convert("L" if grey or image.mode in ("1", "L", "I;16") else "RGB")
            resized = plain if size is None else plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(resized, np.uint8)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise UsageError(f"{path} is not an image that can be read: {error}") from error
    return array[..., None] if array.ndim == 2 else array


def _sound(path: Path) -> np.ndarray:
    """The first channel of 8 or 16 bits as int16."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise UsageError(f"{path} is not a .wav file with PCM samples: {error}") from error
    if width not in (1, 2):
        raise UsageError(f"{path} has {8 * width} bits a sample: 8 and 16 are read")
    values = np.frombuffer(data, np.uint8 if width == 1 else "<i2").reshape(-1, channels)[:, 0].astype(np.int16)
    return (values - 128) * 256 if width == 1 else values


def make(
    source: Path,
    *,
    size: tuple[int, int] | None = None,
    grey: bool = False,
    scale: float | None = None,
    offset: float = 0,
) -> dict[str, np.ndarray]:
    """Arrays of a source, resized and scaled as it is asked for; with a `scale`, x becomes float32 x * scale + offset.
    UsageError for what cannot be read."""
    try:
        if source.is_dir():
            arrays = read_folder(source, size, grey)
        else:
            with open_data(source) as stored:
                arrays = {name: stored[name].rows() for name in stored}
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror or error}") from error
    except (ValueError, KeyError) as error:
        raise UsageError(f"{source} is not a file of samples: {error}") from error
    if scale is not None or offset:
        factor = np.float32(1.0 if scale is None else scale)
        arrays["x"] = arrays["x"].astype(np.float32) * factor + np.float32(offset)
    return arrays


def save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An .npz file, whole or not at all."""
    with writing_to(path.parent), replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
