"""Arrays in .npz files, of which the sizes are known before anything is unpacked.

`open_npz` reads headers only. What a header claims is held against the archive's own list of sizes and against a bound;
then as many rows are unpacked as are asked for.
"""

from __future__ import annotations

import contextlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from edge_tr.files.reading import brief

MAX_BYTES = 1 << 31
"""Of one array, unpacked."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that numpy writes
_ENCRYPTED = 1  # ZipInfo.flag_bits


class TooLarge(ValueError):
    """There are more bytes than MAX_BYTES."""


@dataclass(frozen=True)
class Stored:
    """An array in an open archive: `shape` and `dtype` as its header has them, which fit its size."""

    shape: tuple[int, ...]
    dtype: np.dtype
    _archive: zipfile.ZipFile
    _entry: zipfile.ZipInfo
    _header_bytes: int
    _fortran: bool

    def rows(self, most: int | None = None) -> np.ndarray:
        """The first `most` along the first axis, or all; ValueError, of which TooLarge is one."""
        if not self.shape:
            raise ValueError(f"{self._entry.filename} is a single number")
        count = self.shape[0] if most is None else min(most, self.shape[0])
        whole = self._fortran and len(self.shape) > 1  # rows are not together
        wanted = self.shape[0] if whole else count
        size = wanted * math.prod(self.shape[1:]) * self.dtype.itemsize
        if size > MAX_BYTES:
            raise TooLarge(f"{self._entry.filename} would take {size:,} bytes; {MAX_BYTES:,} are read at most")
        with _sound(), self._archive.open(self._entry) as file:
            file.read(self._header_bytes)
            flat = np.empty(size, np.uint8)
            _fill(flat, file)
            if wanted == self.shape[0]:
                file.read(1)  # the end: checks the CRC
            shape = (wanted, *self.shape[1:])
            return flat.view(self.dtype).reshape(shape, order="F" if whole else "C")[:count]


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[Mapping[str, Stored]]:
    """By name, the arrays of at least one dimension; OSError, or ValueError if it is no such file."""
    with path.open("rb") as file, _archive(file) as archive:
        arrays = [(entry.filename.removesuffix(".npy"), entry) for entry in archive.infolist()]
        yield _Arrays(archive, dict(arrays))


class _Arrays(Mapping[str, Stored]):
    """Headers are read when they are asked for."""

    def __init__(self, archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> None:
        self._archive, self._entries = archive, entries

    def __getitem__(self, name: str) -> Stored:
        with _sound():
            return _stored(self._archive, self._entries[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _archive(file: BinaryIO) -> zipfile.ZipFile:
    with _sound():
        return zipfile.ZipFile(file)


def _stored(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Stored:
    if entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED:
        raise ValueError(f"{entry.filename} is encrypted, or packed as numpy does not pack")
    with archive.open(entry) as file:
        shape, fortran, dtype = _header(file)
        start = file.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    if not all(0 <= length < 1 << 62 for length in shape) or not dtype.itemsize:
        raise ValueError(f"{entry.filename} has the shape {list(shape)} of {dtype}")
    claimed = start + math.prod(shape) * dtype.itemsize
    if claimed != entry.file_size:
        raise ValueError(f"{entry.filename} claims {claimed:,} bytes and has {entry.file_size:,}")
    return Stored(shape, dtype, archive, entry, start, fortran)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"its .npy format {version[0]}.{version[1]} is for names of fields: save plain arrays")
    try:
        return read(file)
    except Exception as error:  # the header is Python: it fails as its tokenizer, its parser or numpy.dtype do
        raise ValueError(f"its header is damaged: {brief(str(error))}") from error


def _fill(data: np.ndarray, file: IO[bytes]) -> None:
    """All of uint8 `data` from the file."""
    left = memoryview(data)
    while left:
        count = file.readinto(left)
        if not count:
            raise ValueError(f"it ends {len(left):,} bytes too early")
        left = left[count:]


@contextlib.contextmanager
def _sound() -> Iterator[None]:
    """What zipfile and numpy raise on damaged archives and headers, as ValueError."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, SyntaxError, MemoryError,
            OverflowError, TypeError) as error:  # fmt: skip
        raise ValueError(str(error) or type(error).__name__) from error
