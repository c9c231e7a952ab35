"""From a float network in PyTorch to one of revealed layers on int8 grids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edge_tr.errors import UsageError
from edge_tr.training.revealed import MATRIX, Grid, RevealedLayer

SUPPORTED = "Conv2d, Linear, ReLU behind one of them, MaxPool2d, Flatten, Dropout"
IMAGES = 4
"""Dimensions of [n, c, h, w]."""


class RevealedNetwork(nn.Module):
    """Takes real inputs [n, ...] and gives real outputs [n, classes], both on their int8 grids.

    source  the grid of the input; stages: RevealedLayer, nn.MaxPool2d, nn.Flatten or nn.Dropout, in order
    """

    def __init__(self, source: Grid, stages: Sequence[nn.Module], input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.source, self.stages = source, nn.ModuleList(stages)
        self.input_shape = input_shape

    @property
    def layers(self) -> list[RevealedLayer]:
        return [stage for stage in self.stages if isinstance(stage, RevealedLayer)]

    def set_budget(self, budget: int | None) -> None:
        """k terms in each group, in every layer; None: all."""
        if budget is not None and budget < 1:
            raise UsageError(f"budget k={budget} is out of range; use at least 1 term a group")
        for layer in self.layers:
            layer.budget = budget

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = self.source.steps(x)
        for stage in self.stages:
            steps = stage(steps)
        return steps * self.layers[-1].target.scale

    @torch.no_grad()
    def integers(self, q: torch.Tensor) -> torch.Tensor:
        """int8 [n, classes] for int8 [n, ...]: the simulation of the exported model, Dropout left out."""
        steps = q.float() - self.source.zero_point
        for stage in self.stages:
            steps = steps if isinstance(stage, nn.Dropout) else stage(steps)
        return (steps + self.layers[-1].target.zero_point).to(torch.int8)


def prepare(network: nn.Sequential, x: torch.Tensor, *, group: int = 8, budget: int | None = None) -> RevealedNetwork:
    """Wrap the layers of a trained float `network`, which go on being trained in place.

    x       float32 [n, ...]: the ranges of activations are what the network shows on these samples, and stay
    group   g of all layers; budget: k, None: every term

    Raises UsageError for modules that cannot be exported.
    """
    stages: list[nn.Module] = []
    modules = list(network)
    source = grid = Grid(float(x.min()), float(x.max()))
    shape, order = tuple(x.shape[1:]), None
    with torch.no_grad():
        while modules:
            module = modules.pop(0)
            if isinstance(module, nn.Conv2d | nn.Linear):
                relu = bool(modules) and isinstance(modules[0], nn.ReLU)
                x = module(x)
                x = modules.pop(0)(x) if relu else x
                target = Grid(float(x.min()), float(x.max()))
                stages.append(RevealedLayer(module, relu, grid, target, group, budget, order))
                grid, order = target, None
            elif isinstance(module, nn.MaxPool2d | nn.Flatten | nn.Dropout) and _exportable(module):
                order = _file_order(x) if isinstance(module, nn.Flatten) else order
                x = x if isinstance(module, nn.Dropout) else module(x)
                stages.append(module)
            else:
                raise UsageError(f"{module} cannot be exported to int8 TFLite here; supported are {SUPPORTED}")
    if not stages or not isinstance(stages[-1], RevealedLayer) or x.dim() != MATRIX:
        raise UsageError(f"the network must end in a Linear layer, with [n, classes]; it gives {list(x.shape)}")
    return RevealedNetwork(source, stages, shape)


def _file_order(x: torch.Tensor) -> torch.Tensor | None:
    """int64 [K]: which of the flattened elements of x [n, c, h, w] come 1st, 2nd, .. in the file, which is NHWC."""
    if x.dim() != IMAGES:
        return None
    _, *shape = x.shape
    return torch.arange(x[0].numel()).reshape(shape).permute(1, 2, 0).flatten()


def _exportable(module: nn.Module) -> bool:
    """Pooling without padding, and flattening of all but the samples."""
    if isinstance(module, nn.MaxPool2d):
        return module.padding in (0, (0, 0)) and module.dilation in (1, (1, 1)) and not module.ceil_mode
    return not isinstance(module, nn.Flatten) or (module.start_dim, module.end_dim) == (1, -1)
