"""Outputs of an .npy file of samples, as another .npy file."""

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
    parser.add_argument("input", type=Path, metavar="X.npy", help="int8 samples (n, ...), or floats to be quantised")
    parser.add_argument("output", type=Path, metavar="Y.npy", help="int8 outputs (n, ...)")
    parser.add_argument("--level", type=int, help="which of the build's budgets, 0: fewest terms (default: the most)")
    arguments = parser.parse_args()
    try:
        try:
            x = np.load(arguments.input)
        except (OSError, ValueError) as error:
            raise UsageError(f"{arguments.input}: {error}; give an .npy file") from error
        overlay = TermOverlay()
        if arguments.level is not None:
            overlay.level = arguments.level
        np.save(arguments.output, overlay.predict(x))
    except EdgeTrError as error:
        print(f"driver: {error}", file=sys.stderr)
        return error.exit_code
    return 0
