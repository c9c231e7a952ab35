"""Steps whose gradient is taken as the identity (straight-through: Bengio, Leonard, Courville, 2013)."""

from __future__ import annotations

import numpy as np
import torch

from edge_tr.tr.requant import multiply_by_quantized_multiplier, quantize_multiplier
from edge_tr.tr.reveal import reveal

LARGEST = 127
"""int8 weights of a .tflite are -127..127."""


def rounded(x: torch.Tensor) -> torch.Tensor:
    """The nearest integers, halves up; the gradient is the identity."""
    return x + (torch.floor(x + 0.5) - x).detach()


def settled(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """The nearest integers, halves up, inside low..high; the gradient is the identity there and 0 outside."""
    return _Settled.apply(x, low, high)


class _Settled(torch.autograd.Function):
    """One pass each way over what is large: a whole layer's outputs."""

    @staticmethod
    def forward(context, x: torch.Tensor, low: float, high: float) -> torch.Tensor:
        nearest = x.add(0.5).floor_()
        context.save_for_backward((nearest < low) | (nearest > high))
        return nearest.clamp_(low, high)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return gradient.masked_fill(context.saved_tensors[0], 0), None, None


def revealed(weights: torch.Tensor, group: int, most: int | None) -> torch.Tensor:
    """Real weights [rows, K] in steps of their scale, rounded to -127..127 and revealed as `tr.reveal` does it:
    the `most` largest terms of each `group` (None: all). The gradient is the identity inside that range."""
    inside = weights.clamp(-LARGEST, LARGEST)
    return inside + (_values(inside.detach(), group, most) - inside).detach()


def _values(weights: torch.Tensor, group: int, most: int | None) -> torch.Tensor:
    nearest = torch.round(weights)
    if most is None:
        return nearest
    q = nearest.to(torch.int8).numpy()
    return torch.from_numpy(reveal(q, group, most).values.astype(np.float32))


def requantised(sums: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Integer accumulators (float64) times real multipliers (float64, broadcast), rounded as TFLite does it in fixed
    point. The gradient is that of the product."""
    product = sums * real
    multiplier, shift = quantize_multiplier(real.numpy())
    exact = multiply_by_quantized_multiplier(sums.detach().numpy().astype(np.int32), multiplier, shift)
    return product + (torch.from_numpy(exact) - product).detach()
