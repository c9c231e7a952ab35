"""Fashion-MNIST (Xiao, Rasul, Vollgraf, arXiv:1708.07747; MIT licence), as Debian's package has it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

from edge_tr.errors import ToolMissingError

CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SIZE = 28
"""Pixels of an image's side."""
FOLDER = Path("/usr/share/datasets/fashion-mnist")
VARIABLE = "FASHION_MNIST"
"""An environment variable: another folder with the four files."""
_HEADERS = {"images": 16, "labels": 8}
"""Bytes before the data of an IDX file of these dimensions."""


def fashion(part: str) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, 28, 28] images and uint8 [n] labels of `part`, "train" (60,000) or "t10k" (10,000).

    ToolMissingError where the files are not here.
    """
    folder = Path(os.environ.get(VARIABLE, FOLDER))
    images, labels = (
        _idx(folder / f"{part}-{kind}-idx{n}-ubyte.gz", kind) for kind, n in (("images", 3), ("labels", 1))
    )
    return images.reshape(-1, SIZE, SIZE), labels


def _idx(path: Path, kind: str) -> np.ndarray:
    try:
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=_HEADERS[kind])
    except OSError as error:
        raise ToolMissingError(
            f"no Fashion-MNIST here: apt-get install dataset-fashion-mnist, or name its folder in {VARIABLE} ({error})"
        ) from error
