"""Stages beside the layers of weights: SiLU, sums, averages. Each computes what TFLite's int8 operators do.

Like `RevealedLayer` they take and give q - zero_point in float tensors. Evaluating, the result is that of golden's own
record of the operator; training, it is the real result rounded once, which has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
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

Exact = Callable[..., torch.Tensor]
"""q - zero_point of an operator's output, float32, for those of its inputs."""


def exact(
    kind: str, sources: Sequence[Grid], target: Grid, shapes: tuple[tuple[int, ...], ...] = (ONE, ONE), **options
) -> Exact:
    """Golden's record of one operator as a function; shapes of its inputs and of its output, channels last."""
    model = ModelWriter()
    inputs = [model.activation(shapes[0], float(g.scale), int(g.zero_point)) for g in sources]
    output = model.activation(shapes[1], float(target.scale), int(target.zero_point))
    model.op(kind, inputs, [output], VERSIONS[kind], **options)
    record = parse(model.finish(inputs, [output])).ops[0].record

    def compute(*steps: torch.Tensor) -> torch.Tensor:
        quantised = [(x.detach() + g.zero_point).numpy().astype(np.int8) for x, g in zip(steps, sources)]
        flat = [q.reshape(-1, *shapes[0][1:]) for q in quantised]
        return torch.from_numpy(record.golden(flat, Rounding.DOUBLE)[0].astype(np.float32)) - target.zero_point

    return compute


class Swish(nn.Module):
    """x * sigmoid(x), SiLU: LOGISTIC and MUL. `gate` is the grid between them, TFLite's for LOGISTIC."""

    def __init__(self, source: Grid, target: Grid) -> None:
        super().__init__()
        self.source, self.gate, self.target = source, Grid.fixed(1 / 256, LOW), target

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            gate = self.gate.settled(torch.sigmoid(x * self.source.scale) / self.gate.scale)
            return self.target.settled(x * gate * (self.source.scale * self.gate.scale / self.target.scale))
        gate = exact("LOGISTIC", [self.source], self.gate)(x).reshape(x.shape)
        return exact("MUL", [self.source, self.gate], self.target)(x, gate).reshape(x.shape)


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
        return exact("ADD", list(self.sources), self.target, **options)(a, b).reshape(a.shape)


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
        pool = exact("AVERAGE_POOL_2D", [self.target], self.target, shapes, **whole(height, width))
        return pool(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def whole(height: int, width: int) -> dict[str, object]:
    """Options of a pool with one window, the image."""
    return {"padding": "VALID", "filter_height": height, "filter_width": width, "stride_h": 1, "stride_w": 1}
