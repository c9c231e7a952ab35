"""Which kernels a layer may have: all that take it, or the one that somebody named (`--kernel`)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_tr.errors import UsageError
from edge_tr.kernels.kernel import Kernel
from edge_tr.kernels.product import Task
from edge_tr.kernels.registry import KERNELS

_BY_NAME = {kernel.name: kernel for kernel in KERNELS}


@dataclass(frozen=True)
class KernelChoice:
    """`--kernel`: a kernel for all layers that it takes, and others by layer name; None: chosen by cost."""

    default: Kernel | None = None
    layers: Mapping[str, Kernel] = field(default_factory=dict)


def parse_choice(texts: list[str]) -> KernelChoice:
    """From ``NAME`` and ``LAYER=NAME`` words; UsageError for an unknown kernel."""
    default, layers = None, {}
    for text in texts:
        layer, equals, name = text.rpartition("=")
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, _BY_NAME, 1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise UsageError(f"no kernel is called {name!r}{hint} Known: {', '.join(_BY_NAME)}")
        if equals:
            layers[layer] = _BY_NAME[name]
        else:
            default = _BY_NAME[name]
    return KernelChoice(default, layers)


def allowed(choice: KernelChoice, layer: str, task: Task) -> tuple[Kernel, ...]:
    """Kernels for one layer: the one named for it, or the default if that takes it, or all that do.

    UsageError if the one named for this layer does not take it, or if none does.
    """
    able = tuple(kernel for kernel in KERNELS if kernel.dialled == bool(task.below) and kernel.able(task))
    if not able:
        raise UsageError(f"layer {layer} is too large for a kernel with several budgets: build with one --budget")
    wanted = choice.layers.get(layer, choice.layers.get(layer.partition(".")[0]))
    if wanted is None:
        return (choice.default,) if choice.default in able else able
    if wanted not in able:
        names = " or ".join(kernel.name for kernel in able)
        raise UsageError(f"kernel {wanted.name} does not take layer {layer}; use {names}")
    return (wanted,)
