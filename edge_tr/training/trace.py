"""What a float network computes, as a list of steps: torch.fx follows its forward pass, batch normalisation is folded.

A network's own modules and functions are looked into; what is left are modules of torch.nn and sums and concatenations.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge_tr.errors import UsageError

SUPPORTED = (
    "Conv2d, Linear, BatchNorm2d behind a convolution, ReLU and ReLU6 behind one of them or a sum, SiLU, MaxPool2d, "
    "AdaptiveAvgPool2d(1), Upsample (nearest), Flatten, Dropout, Identity, + and torch.cat of channels"
)
ACTIVATIONS = {nn.ReLU: "RELU", nn.ReLU6: "RELU6"}
_ADDING = (operator.add, operator.iadd, torch.add)


class Plus(nn.Module):
    """The sum of two tensors of one shape."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b


class Beside(nn.Module):
    """Tensors [n, c, ...] behind one another along the channels."""

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class Step:
    """A module and the values that it takes: 0 is the network's input, i + 1 is what step i gives."""

    module: nn.Module
    inputs: tuple[int, ...]
    activation: str = "NONE"

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        y = self.module(*inputs)
        return {"NONE": lambda v: v, "RELU": nn.functional.relu, "RELU6": nn.functional.relu6}[self.activation](y)


@dataclass(frozen=True)
class Trace:
    """steps, and the values that the network returns; `single`: one, and not a tuple."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    single: bool


def traced(network: nn.Module) -> Trace:
    """The steps of `network` in evaluation mode. UsageError for what cannot be followed or exported.

    Its convolutions and linear layers are those of the steps, but for convolutions with a batch normalisation behind
    them, which become new ones.
    """
    try:
        graph = fx.Tracer().trace(network)
    except Exception as error:  # whatever a user's forward raises under tracing
        raise UsageError(f"the network's forward pass cannot be followed (torch.fx): {error}") from error
    reader = _Reader(dict(network.named_modules()))
    for node in graph.nodes:
        reader.read(node)
    return Trace(tuple(reader.steps), reader.outputs, reader.single)


class _Reader:
    """Steps so far; `_values` has the value that each node gives."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self._modules, self._values = modules, {}
        self.steps: list[Step] = []
        self.outputs: tuple[int, ...] = ()
        self.single = True

    def read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            if self._values:
                raise UsageError(f"the network takes more than one input: {node.name}")
            self._values[node] = 0
        elif node.op == "output":
            returned = node.args[0]
            self.single = isinstance(returned, fx.Node)
            nodes = (returned,) if self.single else tuple(returned)
            self.outputs = tuple(self._value(one) for one in nodes)
        elif node.op == "call_module":
            self._module(node, self._modules[node.target])
        elif node.op == "call_function" and node.target in _ADDING:
            self._step(node, Plus(), node.args)
        elif node.op == "call_function" and node.target is torch.cat and _axis(node) == 1:
            self._step(node, Beside(), tuple(node.args[0]))
        elif node.op != "get_attr":
            raise UsageError(f"{node.format_node()} cannot be exported to int8 TFLite here; supported are {SUPPORTED}")

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        value = self._value(node.args[0])
        last = self.steps[value - 1] if value else None
        alone = last is not None and len(node.args[0].users) == 1 and last.activation == "NONE"
        if isinstance(module, nn.Identity):
            self._values[node] = value
        elif isinstance(module, nn.BatchNorm2d) and alone and isinstance(last.module, nn.Conv2d):
            self._replace(node, value, replace(last, module=fuse_conv_bn_eval(last.module.eval(), module.eval())))
        elif type(module) in ACTIVATIONS and alone and isinstance(last.module, nn.Conv2d | nn.Linear | Plus):
            self._replace(node, value, replace(last, activation=ACTIVATIONS[type(module)]))
        else:
            self._step(node, module, node.args)

    def _replace(self, node: fx.Node, value: int, step: Step) -> None:
        self.steps[value - 1] = step
        self._values[node] = value

    def _step(self, node: fx.Node, module: nn.Module, inputs: tuple[object, ...]) -> None:
        self.steps.append(Step(module, tuple(self._value(one) for one in inputs)))
        self._values[node] = len(self.steps)

    def _value(self, node: object) -> int:
        if node not in self._values:
            raise UsageError(f"{node} is not computed from the input; supported are {SUPPORTED}")
        return self._values[node]


def _axis(node: fx.Node) -> int:
    return node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
