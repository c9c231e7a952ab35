"""Stages beside the layers of weights: SiLU, sums, averages. Each computes what TFLite's int8 operators do.

Like `RevealedLayer` they take and give q - zero_point in float tensors. Evaluating, the result is that of golden's own
record of the operator; training, it is the real result rounded once, which has a gradient. TFLite rounds twice: about
one value in a hundred behind a SiLU is a step away then.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import nn

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.record import Record
from edge_tr.tr.requant import Rounding
from edge_tr.training.grid import LOW, Grid

VERSIONS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "MAX_POOL_2D": 2,
    "AVERAGE_POOL_2D": 2,
    "SOFTMAX": 2,
    "PAD": 2,
    "ADD": 2,
    "MUL": 2,
    "LOGISTIC": 2,
    "CONCATENATION": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
}
"""The first with int8."""
ONE = (1, 1)
"""A shape for operators that look at one element at a time."""

Place = tuple[float, int]
"""(scale, zero point) of a grid."""


def exact(
    kind: str,
    inputs: Sequence[tuple[torch.Tensor, Grid]],
    target: Grid,
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = (ONE, ONE),
    **options: object,
) -> torch.Tensor:
    """q - zero_point of one operator's output, float32, by golden; `inputs` are the same of its inputs, with their
    grids. shapes: of the inputs and of the output for one sample, channels last."""
    places = tuple(_place(grid) for _, grid in inputs)
    record = _record(kind, places, _place(target), shapes, tuple(options.items()))
    quantised = [(x.detach() + grid.zero_point).numpy().astype(np.int8) for x, grid in inputs]
    output = record.golden([q.reshape(-1, *shapes[0][1:]) for q in quantised], Rounding.DOUBLE)[0]
    return torch.from_numpy(output.astype(np.float32)) - target.zero_point


def _place(grid: Grid) -> Place:
    return float(grid.scale), int(grid.zero_point)


@cache
def _record(
    kind: str,
    sources: tuple[Place, ...],
    target: Place,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    options: tuple[tuple[str, object], ...],
) -> Record:
    """Of a model with this operator alone."""
    model = ModelWriter()
    inputs, output = [model.activation(shapes[0], *place) for place in sources], model.activation(shapes[1], *target)
    model.op(kind, inputs, [output], VERSIONS[kind], **dict(options))
    return parse(model.finish(inputs, [output])).ops[0].record


class Swish(nn.Module):
    """x * sigmoid(x), SiLU: LOGISTIC and MUL. `gate` is the grid between them, TFLite's for LOGISTIC."""

    def __init__(self, source: Grid, target: Grid) -> None:
        super().__init__()
        self.source, self.gate, self.target = source, Grid.fixed(1 / 256, LOW), target

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            gate = self.gate.settled(torch.sigmoid(x * self.source.scale) / self.gate.scale)
            return self.target.settled(x * gate * (self.source.scale * self.gate.scale / self.target.scale))
        gate = exact("LOGISTIC", [(x, self.source)], self.gate)
        options = {"fused_activation_function": "NONE"}
        return exact("MUL", [(x, self.source), (gate, self.gate)], self.target, **options).reshape(x.shape)


class Sum(nn.Module):
    """ADD, with an activation or without."""

    def __init__(self, sources: tuple[Grid, Grid], target: Grid, activation: str) -> None:
        super().__init__()
        self.sources, self.target, self.activation = nn.ModuleList(sources), target, activation

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if self.training:
            first, second = (source.scale / self.target.scale for source in self.sources)
            return self.target.settled(torch.addcmul(a * first, b, second), self.activation)
        options = {"fused_activation_function": self.activation}
        return exact("ADD", [*zip((a, b), self.sources)], self.target, **options).reshape(a.shape)


class Average(nn.Module):
    """AVERAGE_POOL_2D over the whole of [n, c, h, w], to [n, c, 1, 1]; the grid stays."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.target = grid

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            return self.target.settled(x.mean((2, 3), keepdim=True))
        _, channels, height, width = x.shape
        shapes = (1, height, width, channels), (1, 1, 1, channels)
        inputs = [(x.permute(0, 2, 3, 1), self.target)]
        return exact("AVERAGE_POOL_2D", inputs, self.target, shapes, **whole(height, width)).permute(0, 3, 1, 2)


def whole(height: int, width: int) -> dict[str, object]:
    """Options of a pool with one window, the image."""
    return {"padding": "VALID", "filter_height": height, "filter_width": width, "stride_h": 1, "stride_w": 1}
