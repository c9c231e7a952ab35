"""The wrapper: a convolution or linear layer that computes what TFLite's int8 layer with revealed weights does.

Activations between layers are integers q - zero_point in float tensors. Evaluating, every step is exact: the outputs
are those of `golden`, and of TFLite's reference kernels, bit for bit. Training, sums are requantised by one product in
float32, where TFLite rounds twice in fixed point: about one output in a thousand is a step away. Backwards, rounding
and revealing count as the identity.
"""

from __future__ import annotations

import torch
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.training.grid import Grid
from edge_tr.training.through import LARGEST, requantised, revealed, rounded

MATRIX = 2
"""Dimensions of [n, features]."""
EXACT_IN_SINGLE = 2**24 // (128 * 255)
"""Products of a weight and an activation whose sum float32 holds exactly."""


class RevealedLayer(nn.Module):
    """An nn.Conv2d (of one group, or depthwise) or nn.Linear, with an activation behind it or not.

    activation      "NONE", "RELU" or "RELU6"
    source, target  the grids of its input and output
    group           g, along the reduction axis in TFLite's order: height, width, input channel
    budget          k terms a group, None: all; may be changed at any time
    order           int64 [K] or None: the file's order of an nn.Linear's inputs, when it is not their own

    The weights' scales are per output channel, per tensor for nn.Linear (as TFLite 2.14 wants it), and stay what
    they were at the start; weights that grow out of their range are clamped.
    """

    def __init__(
        self,
        layer: nn.Conv2d | nn.Linear,
        activation: str,
        source: Grid,
        target: Grid,
        group: int,
        budget: int | None,
        order: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("order", order)
        self.layer, self.activation, self.group, self.budget = layer, activation, group, budget
        self.source, self.target = source, target
        if isinstance(layer, nn.Conv2d):
            _check(layer)
        largest = self.rows().detach().abs().amax(dim=1)
        largest = largest if isinstance(layer, nn.Conv2d) else largest.max().expand(len(largest))
        self.register_buffer("scale", (largest.clamp(min=1e-8) / LARGEST).to(torch.float32))

    @property
    def depthwise(self) -> bool:
        return isinstance(self.layer, nn.Conv2d) and self.layer.groups > 1

    def rows(self) -> torch.Tensor:
        """The weights as [rows, K] in the file's order."""
        weight = self.layer.weight
        if isinstance(self.layer, nn.Conv2d):
            return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
        return weight if self.order is None else weight[:, self.order]

    def integer_weights(self, budget: int | None) -> torch.Tensor:
        """float32 [rows, K], integers -128..127: what the device computes with under this budget."""
        return revealed(self.rows() / self.scale[:, None], self.group, budget)

    def integer_bias(self) -> torch.Tensor:
        """float64 [rows], integers in steps of the accumulator."""
        bias = torch.zeros(len(self.scale)) if self.layer.bias is None else self.layer.bias
        return rounded(bias.double() / self._step())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """q - zero_point of the output for q - zero_point of the input."""
        sums = self._dot(x)
        bias, real = (
            _along_channels(of, x.dim()) for of in (self.integer_bias(), self._step() / self.target.scale.double())
        )
        if self.training:
            return self.target.settled(torch.addcmul((bias * real).float(), sums, real.float()), self.activation)
        return self.target.settled(requantised(sums.double() + bias, real), self.activation).float()

    def _step(self) -> torch.Tensor:
        """float64 [rows], what one step of the accumulator is worth, to TFLite's precision."""
        if isinstance(self.layer, nn.Linear):
            return (self.source.scale * self.scale).double()
        return self.source.scale.double() * self.scale.double()

    def _dot(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.integer_weights(self.budget)
        if not self.training and weights.shape[1] > EXACT_IN_SINGLE:
            x, weights = x.double(), weights.double()
        if isinstance(self.layer, nn.Linear):
            return nn.functional.linear(x if self.order is None else x[:, self.order], weights)
        rows, inputs, height, width = self.layer.weight.shape
        weights = weights.reshape(rows, height, width, inputs).permute(0, 3, 1, 2)
        return nn.functional.conv2d(
            x, weights, None, self.layer.stride, self.layer.padding, self.layer.dilation, self.layer.groups
        )


def _along_channels(values: torch.Tensor, dimensions: int) -> torch.Tensor:
    return values if dimensions == MATRIX else values[:, None, None]


def _check(layer: nn.Conv2d) -> None:
    """UsageError for what int8 TFLite cannot say."""
    wrong = []
    if layer.groups != 1 and layer.groups != layer.in_channels:
        wrong.append(f"{layer.groups} groups (use 1, or as many as input channels)")
    if isinstance(layer.padding, str):
        wrong.append(f"padding={layer.padding!r} (use numbers)")
    if layer.padding_mode != "zeros":
        wrong.append(f"padding_mode={layer.padding_mode!r} (use zeros)")
    if wrong:
        raise UsageError(f"{layer}: {', '.join(wrong)}")
