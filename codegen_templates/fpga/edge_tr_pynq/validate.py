"""Accuracy, agreement with the host's reference and speed on the board, from a file of samples."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_tr_pynq.ends import Samples
from edge_tr_pynq.errors import EdgeTrError, UsageError
from edge_tr_pynq.overlay import TermOverlay

DATA = "validation.npz"
"""x: samples [n, ...], or [n, steps, ...] of a model with states; golden: outputs that the host computed, [levels, n,
...]; y: labels, if there are. Of several inputs and outputs x0, x1, ... and golden0, golden1, ..."""


def read(data: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of samples, `x` or `x0` among them; UsageError if it is none."""
    try:
        with np.load(data) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        if not len(found["x" if "x" in found else "x0"]):
            raise ValueError("x has no sample")
    except (OSError, KeyError, ValueError, TypeError, AttributeError, BadZipFile) as error:
        raise UsageError(f"{data}: {error}; give an .npz with x (and golden, y)") from error
    return found


def inputs(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those that `predict` takes."""
    return {name: array for name, array in arrays.items() if re.fullmatch(r"x\d*", name)}


def compare(overlay: TermOverlay, data: Path) -> tuple[str, bool]:
    """What to print, and whether every output equals the host's golden model."""
    arrays, program = read(data), overlay.accelerator.program
    x, levels = overlay.accelerator.samples(inputs(arrays)), program.levels
    names = ["golden"] if len(program.outputs) == 1 else [f"golden{i}" for i in range(len(program.outputs))]
    golden = [arrays[name] for name in names] if {*names} <= {*arrays} else None
    wrong = [] if golden is None else [array.shape for array in golden if array.shape[:2] != (len(levels), len(x))]
    if wrong:
        raise UsageError(f"{data}: golden has shape {wrong[0]}, not ({len(levels)} budgets, samples, ...)")
    found = []
    for number, level in enumerate(levels):
        overlay.level = number
        expected = None if golden is None else [array[number] for array in golden]
        text, same = _compare(overlay, x, expected, arrays.get("y"), data.name)
        found.append((f"level {number}, {level.budget}: {text}" if len(levels) > 1 else text, same))
    return "\n".join(text for text, _ in found), all(same for _, same in found)


def _compare(
    overlay: TermOverlay, x: Samples, golden: list[np.ndarray] | None, y: np.ndarray | None, name: str
) -> tuple[str, bool]:
    """With one budget."""
    accelerator, count = overlay.accelerator, len(x) * (x.steps or 1)
    accelerator.reset_state()
    start = time.perf_counter()
    out = accelerator.outputs(x)
    seconds = time.perf_counter() - start
    clock = accelerator.program.clock_hz
    lines = [
        f"{count} samples, {count / seconds:,.0f} a second through Python; "
        f"{accelerator.cycles:,} cycles each, {1e3 * accelerator.cycles / clock:.3f} ms at {clock / 1e6:g} MHz"
    ]
    same = True
    if golden is not None:
        equal = np.ones(len(x), bool)
        for ours, theirs in zip(out, golden):
            equal &= (ours.reshape(len(x), -1) == theirs.reshape(len(x), -1)).all(axis=1)
        same = bool(equal.all())
        lines.append(f"{equal.sum()} of {len(x)} outputs equal the golden model's, bit for bit")
    if y is None:
        lines.append(f"accuracy unknown: {name} has no labels y")
    else:
        lines.append(f"accuracy {np.mean(out[0].reshape(len(x), -1).argmax(axis=1) == y):.2%}")
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
