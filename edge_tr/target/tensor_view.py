"""The part of a tensor around the first element that differs, small enough for a page."""

from __future__ import annotations

import numpy as np

from edge_tr.target.outcome import TensorView

MOST = 24
"""Rows and columns that are shown."""
MOST_IN_A_ROW = 96
"""Elements of a tensor without rows and columns."""


def view_of(got: np.ndarray, expected: np.ndarray, index: int) -> TensorView:
    """Of two tensors of one shape, integers, without the batch; `index` of the first element that differs."""
    wrong = got != expected
    if got.ndim == 3 and got.shape[0] * got.shape[1] > 1:
        row, column, channel = (int(n) for n in np.unravel_index(index, got.shape))
        (top, bottom), (left, right) = _part(row, got.shape[0], MOST), _part(column, got.shape[1], MOST)
        parts = [array[top:bottom, left:right, channel] for array in (got, expected)]
        by_channel = tuple(int(n) for n in wrong.sum(axis=(0, 1)))
    else:
        channel, top, by_channel = None, 0, ()
        left, right = _part(index, got.size, MOST_IN_A_ROW)
        parts = [array.reshape(1, -1)[:, left:right] for array in (got, expected)]
    rows = [tuple(tuple(int(n) for n in row) for row in part) for part in parts]
    return TensorView(got.shape, int(wrong.sum()), got.size, channel, top, left, *rows, by_channel)


def _part(at: int, size: int, most: int) -> tuple[int, int]:
    """First and end of `most` of `size` around `at`."""
    first = min(max(0, at - most // 2), max(0, size - most))
    return first, min(size, first + most)
