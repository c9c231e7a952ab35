"""From a float network in PyTorch to one of revealed layers and int8 stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.training.grid import Grid
from edge_tr.training.ranges import grids_of, observed
from edge_tr.training.revealed import RevealedLayer
from edge_tr.training.stages import Average, Sum, Swish
from edge_tr.training.trace import SUPPORTED, Beside, Plus, Step, traced

IMAGES = 4
"""Dimensions of [n, c, h, w]."""


class RevealedNetwork(nn.Module):
    """Takes real inputs [n, ...] and gives real outputs, both on their int8 grids: a tensor, or a tuple of several.

    stages   RevealedLayer, a stage of `stages`, or a module that moves values: pooling, Upsample, Flatten, Dropout,
             Beside
    inputs   of each stage the values that it takes: 0 is the network's input, i + 1 is what stage i gives
    outputs  the values that are returned; `single`: one, not in a tuple
    grids    of each value; shapes: of each value, without samples
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        inputs: Sequence[tuple[int, ...]],
        outputs: Sequence[int],
        grids: Sequence[Grid],
        shapes: Sequence[tuple[int, ...]],
        single: bool = True,
    ) -> None:
        super().__init__()
        self.stages, self.grids = nn.ModuleList(stages), nn.ModuleList(grids)
        self.inputs, self.outputs, self.shapes, self.single = list(inputs), list(outputs), list(shapes), single

    @property
    def source(self) -> Grid:
        """The grid of the input."""
        return self.grids[0]

    @property
    def layers(self) -> list[RevealedLayer]:
        return [stage for stage in self.stages if isinstance(stage, RevealedLayer)]

    def set_budget(self, budget: int | None) -> None:
        """k terms in each group, in every layer; None: all."""
        if budget is not None and budget < 1:
            raise UsageError(f"budget k={budget} is out of range; use at least 1 term a group")
        for layer in self.layers:
            layer.budget = budget

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        values = self._values(self.source.steps(x))
        return self._returned([values[i] * self.grids[i].scale for i in self.outputs])

    @torch.no_grad()
    def integers(self, q: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """int8 [n, ...] for int8 [n, ...]: the simulation of the exported model, Dropout left out."""
        training = self.training
        self.eval()
        values = self._values(q.float() - self.source.zero_point)
        self.train(training)
        return self._returned([(values[i] + self.grids[i].zero_point).to(torch.int8) for i in self.outputs])

    def _values(self, steps: torch.Tensor) -> list[torch.Tensor]:
        values = [steps]
        for stage, inputs in zip(self.stages, self.inputs):
            values.append(stage(*(values[i] for i in inputs)))
        return values

    def _returned(self, found: list[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor, ...]:
        return found[0] if self.single else tuple(found)


def prepare(network: nn.Module, x: torch.Tensor, *, group: int = 8, budget: int | None = None) -> RevealedNetwork:
    """Wrap the layers of a trained float `network`, which go on being trained in place; convolutions with a batch
    normalisation behind them become new ones, with its running statistics.

    x       float32 [n, ...]: the ranges of activations are what the network shows on these samples, and stay
    group   g of all layers; budget: k, None: every term

    Raises UsageError for what cannot be exported.
    """
    network.eval()
    trace = traced(network)
    ranges, shapes = observed(trace, x)
    grids = grids_of(trace, ranges)
    orders: list[torch.Tensor | None] = [None]
    stages = []
    for position, step in enumerate(trace.steps):
        order = _order(step, shapes[step.inputs[0]], [orders[i] for i in step.inputs])
        ends = _Ends([grids[i] for i in step.inputs], grids[position + 1], [shapes[i] for i in step.inputs])
        stages.append(_stage(step, ends, group, budget, order))
        orders.append(order if isinstance(step.module, nn.Flatten | nn.Dropout) else None)
    if not any(isinstance(stage, RevealedLayer) for stage in stages):
        raise UsageError(f"the network has no Conv2d and no Linear; supported are {SUPPORTED}")
    if any(orders[i] is not None for i in trace.outputs):
        raise UsageError(
            "the network returns a flattened image, whose order is different in the file: end with a Linear layer"
        )
    return RevealedNetwork(stages, [step.inputs for step in trace.steps], trace.outputs, grids, shapes, trace.single)


@dataclass(frozen=True)
class _Ends:
    sources: list[Grid]
    target: Grid
    shapes: list[tuple[int, ...]]


def _stage(step: Step, ends: _Ends, group: int, budget: int | None, order: torch.Tensor | None) -> nn.Module:
    """UsageError for a module that int8 TFLite has no operators for, or not these."""
    module = step.module
    if isinstance(module, nn.Conv2d | nn.Linear):
        return RevealedLayer(module, step.activation, ends.sources[0], ends.target, group, budget, order)
    if isinstance(module, nn.SiLU):
        return Swish(ends.sources[0], ends.target)
    if isinstance(module, Plus) and ends.shapes[0] == ends.shapes[1]:
        return Sum(tuple(ends.sources), ends.target, step.activation)
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return Average(ends.target)
    if _moves(module, ends.shapes[0]):
        return module
    raise UsageError(f"{module} cannot be exported to int8 TFLite here; supported are {SUPPORTED}")


def _moves(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether the module only moves values of the input, in a way that the file can say."""
    if isinstance(module, nn.MaxPool2d):
        return module.dilation in (1, (1, 1)) and not module.ceil_mode and _valid_or_same(module, shape)
    if isinstance(module, nn.Upsample):
        factor = module.scale_factor
        return (
            module.mode == "nearest"
            and module.size is None
            and isinstance(factor, int | float)
            and factor == int(factor)
        )
    if isinstance(module, nn.Flatten):
        return (module.start_dim, module.end_dim) == (1, -1)
    return isinstance(module, nn.Dropout | Beside)


def _valid_or_same(pool: nn.MaxPool2d, shape: tuple[int, ...]) -> bool:
    """Without padding, or with what TFLite's SAME pads."""
    axes = zip(shape[1:], pair(pool.padding), pair(pool.kernel_size), pair(pool.stride))
    return not any(pair(pool.padding)) or all(is_same(*axis) for axis in axes)


def is_same(size: int, pad: int, reach: int, stride: int) -> bool:
    """Whether TFLite's SAME gives as many outputs as `pad` on both sides does, and begins at the same place."""
    out = (size + 2 * pad - reach) // stride + 1
    return out == -(-size // stride) and max(0, (out - 1) * stride + reach - size) // 2 == pad


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _order(step: Step, shape: tuple[int, ...], orders: list[torch.Tensor | None]) -> torch.Tensor | None:
    """int64 [K] of a flattened image: which of the elements of [c, h, w] come 1st, 2nd, .. in the file, which is NHWC.
    None where they are in order."""
    if isinstance(step.module, nn.Flatten) and len(shape) == IMAGES - 1 and shape[1:] != (1, 1):
        return torch.arange(torch.Size(shape).numel()).reshape(shape).permute(1, 2, 0).flatten()
    if any(order is not None for order in orders) and not isinstance(step.module, nn.Linear | nn.Dropout):
        raise UsageError(
            f"{step.module} cannot be exported behind a Flatten of an image, whose order is different in the file"
        )
    return orders[0]
