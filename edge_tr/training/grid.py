"""int8 quantisation of activations, as training and the exported file share it."""

from __future__ import annotations

import torch
from torch import nn

from edge_tr.training.through import settled

LOW, HIGH = -128, 127
TOP = {"NONE": None, "RELU": None, "RELU6": 6.0}
"""The largest real value behind each activation."""


class Grid(nn.Module):
    """real = scale * (q - zero_point), both float32 scalars; the range `low`..`high` is widened to hold 0."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        low, high = min(low, 0.0), max(high, 0.0)
        scale = torch.tensor(max(high - low, 1e-6) / (HIGH - LOW), dtype=torch.float32)
        self.register_buffer("scale", scale)
        self.register_buffer("zero_point", torch.floor(LOW - low / scale + 0.5).clamp(LOW, HIGH))

    @classmethod
    def fixed(cls, scale: float, zero_point: int) -> Grid:
        """A grid that TFLite's specification gives."""
        grid = cls(0.0, 1.0)
        grid.scale, grid.zero_point = torch.tensor(scale, dtype=torch.float32), torch.tensor(float(zero_point))
        return grid

    def steps(self, x: torch.Tensor) -> torch.Tensor:
        """q - zero_point of real x."""
        return self.settled(x / self.scale)

    def settled(self, steps: torch.Tensor, activation: str = "NONE") -> torch.Tensor:
        """q - zero_point nearest to real `steps`, q inside the activation's limits; the gradient ends outside."""
        low, high = (limit - int(self.zero_point) for limit in self.limits(activation))
        return settled(steps, low, high)

    def limits(self, activation: str) -> tuple[int, int]:
        """(least, most) q behind "NONE", "RELU" or "RELU6": `CalculateActivationRangeQuantized` of TFLite."""
        low = LOW if activation == "NONE" else int(self.zero_point)
        top = TOP[activation]
        return low, HIGH if top is None else min(HIGH, int(self.zero_point + torch.floor(top / self.scale + 0.5)))
