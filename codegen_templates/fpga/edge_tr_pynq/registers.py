"""The accelerator as pynq knows it. Works with pynq 3.0.1, 3.1.2 and 4.0.0."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pynq import DefaultIP, allocate

from edge_tr_pynq.hardware import VLNV


class TermAccelerator(DefaultIP):
    """The registers of one accelerator, bound by pynq to its VLNV."""

    bindto: ClassVar[list[str]] = [VLNV]

    def allocate(self, size: int, dtype: type) -> np.ndarray:
        """A buffer that the DMA reaches."""
        return allocate((size,), dtype, target=self.device)
