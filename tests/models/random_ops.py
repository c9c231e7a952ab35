"""Random one-operator models, over the corners of each operator's options.

Every module of `tests.operators` has `BUILDERS`, functions by TFLite's name: `build(kind, rng)` returns the bytes of a
.tflite file. A builder that is there goes through golden against the interpreter (tests/golden/test_random_ops.py), C
under sanitizers (tests/firmware/test_kernels_host.py), the parser and the fuzzers.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
STATEFUL = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")
_FOLDER = Path(__file__).resolve().parents[1] / "operators"
BUILDERS: dict[str, Callable[[np.random.Generator], bytes]] = {
    kind: builder
    for path in sorted(_FOLDER.glob("test_op_*.py"))
    for kind, builder in import_module(f"tests.operators.{path.stem}").BUILDERS.items()
}


def build(kind: str, rng: np.random.Generator) -> bytes:
    """A random model of one operator."""
    return BUILDERS[kind](rng)
