"""Accuracy, agreement with the host's reference and speed on the board, from a file of samples."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.errors import EdgeTrError, UsageError
from edge_tr_pynq.overlay import TermOverlay

DATA = "validation.npz"
"""x: int8 samples [n, ...]; golden: int8 outputs that the host computed [levels, n, ...]; y: labels, if there are."""


def read(data: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of samples, `x` among them; UsageError if it is none."""
    try:
        with np.load(data) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        if not len(found["x"]):
            raise ValueError("x has no sample")
    except (OSError, KeyError, ValueError, TypeError, AttributeError, BadZipFile) as error:
        raise UsageError(f"{data}: {error}; give an .npz with x (and golden, y)") from error
    return found


def compare(overlay: TermOverlay, data: Path) -> tuple[str, bool]:
    """What to print, and whether every output equals the host's golden model."""
    arrays, levels = read(data), overlay.accelerator.program.levels
    golden = arrays.get("golden")
    if golden is not None and golden.shape[:2] != (len(levels), len(arrays["x"])):
        raise UsageError(f"{data}: golden has shape {golden.shape}, not ({len(levels)} budgets, samples, ...)")
    found = []
    for number, level in enumerate(levels):
        overlay.level = number
        expected = None if golden is None else golden[number]
        text, same = _compare(overlay, arrays["x"], expected, arrays.get("y"), data.name)
        found.append((f"level {number}, {level.budget}: {text}" if len(levels) > 1 else text, same))
    return "\n".join(text for text, _ in found), all(same for _, same in found)


def _compare(
    overlay: TermOverlay, x: np.ndarray, golden: np.ndarray | None, y: np.ndarray | None, name: str
) -> tuple[str, bool]:
    """With one budget."""
    start = time.perf_counter()
    out = overlay.predict(x)
    seconds = time.perf_counter() - start
    accelerator, clock = overlay.accelerator, overlay.accelerator.program.clock_hz
    lines = [
        f"{len(x)} samples, {len(x) / seconds:,.0f} a second through Python; "
        f"{accelerator.cycles:,} cycles each, {1e3 * accelerator.cycles / clock:.3f} ms at {clock / 1e6:g} MHz"
    ]
    same = True
    if golden is not None:
        equal = (out.reshape(len(out), -1) == golden.reshape(len(out), -1)).all(axis=1)
        same = bool(equal.all())
        lines.append(f"{equal.sum()} of {len(x)} outputs equal the golden model's, bit for bit")
    if y is None:
        lines.append(f"accuracy unknown: {name} has no labels y")
    else:
        lines.append(f"accuracy {np.mean(out.reshape(len(out), -1).argmax(axis=1) == y):.2%}")
    return "\n".join(lines), same


def main() -> int:
    """Entry point of validate.py."""
    parser = argparse.ArgumentParser(description="Run samples on the accelerator and compare with the host's outputs.")
    parser.add_argument("data", nargs="?", type=Path, default=Path(__file__).resolve().parent / DATA)
    arguments = parser.parse_args()
    try:
        text, same = compare(TermOverlay(), arguments.data)
    except EdgeTrError as error:
        print(f"validate: {error}", file=sys.stderr)
        return error.exit_code
    print(text)
    return 0 if same else 7
