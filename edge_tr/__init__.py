"""edge-tr: int8 TFLite models as power-of-two terms, on microcontrollers and small FPGA SoCs.

The listing of the package is the pipeline (see docs/architecture.md)::

    ir -> lower (with tr, formats) -> codegen -> target -> report

`edge_tr.load`, `build`, `flash`, `check` and `tune` are the command line's verbs for Python (docs/python-api.md); they
are imported when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_tr.api import Build, Checked, Flashed, Model, Tuned, build, check, flash, load, tune

__version__ = "0.1.0"
__all__ = ["Build", "Checked", "Flashed", "Model", "Tuned", "build", "check", "flash", "load", "tune"]


def __getattr__(name: str) -> object:
    """One of __all__."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("edge_tr.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
