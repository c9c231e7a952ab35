"""Finished work of a tuning, by key: in a folder, and in memory once there is no room there any more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.npz import open_npz
from edge_tr.files.writing import replacing

Arrays = Mapping[str, np.ndarray]


class Kept:
    """`trouble`: why nothing is written any more, None as long as it is."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot keep points in {folder}: {error.strerror}; choose another -o") from error
        self.folder = folder
        self.trouble: str | None = None
        self._memory: dict[str, Arrays] = {}

    def clear_partial(self) -> None:
        """Remove what a killed process was writing; only of a folder that is held."""
        for left in self.folder.glob(".edge-tr-*.npz"):
            left.unlink()

    def get(self, key: str) -> Arrays | None:
        """None where there is nothing, or nothing whole."""
        if key in self._memory:
            return self._memory[key]
        try:
            with open_npz(self._file(key)) as stored:
                return {name: stored[name].rows() for name in stored}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, arrays: Arrays) -> None:
        """Whole or not at all: an interrupted run leaves no half file under the final name."""
        if self.trouble is None:
            try:
                with replacing(self._file(key)) as partial:
                    np.savez(partial, **arrays)
                return
            except OSError as error:
                self.trouble = error.strerror or str(error)
        self._memory[key] = arrays

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.npz"
