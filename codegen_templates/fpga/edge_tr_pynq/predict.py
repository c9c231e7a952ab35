"""Outputs of an .npy or .npz file of samples, as another one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from edge_tr_pynq.errors import EdgeTrError, UsageError
from edge_tr_pynq.overlay import TermOverlay


def main() -> int:
    """Entry point of driver.py."""
    parser = argparse.ArgumentParser(description="Run the samples of a file on the accelerator.")
    parser.add_argument(
        "input", type=Path, metavar="X", help=".npy: samples (n, ...), or floats to be quantised; .npz: arrays by input"
    )
    parser.add_argument("output", type=Path, metavar="Y", help="outputs (n, ...): .npy of one, .npz of several by name")
    parser.add_argument("--level", type=int, help="which of the build's budgets, 0: fewest terms (default: the most)")
    arguments = parser.parse_args()
    try:
        try:
            x = np.load(arguments.input)
            x = x if isinstance(x, np.ndarray) else {name: x[name] for name in x.files}
        except (OSError, ValueError) as error:
            raise UsageError(f"{arguments.input}: {error}; give an .npy or .npz file") from error
        overlay = TermOverlay()
        if arguments.level is not None:
            overlay.level = arguments.level
        y = overlay.predict(x)
        np.savez(arguments.output, **y) if isinstance(y, dict) else np.save(arguments.output, y)
    except EdgeTrError as error:
        print(f"driver: {error}", file=sys.stderr)
        return error.exit_code
    return 0
