"""The kernel table: every way the firmware can compute a dot product.

A new kernel is one row here, one C file, and its layout in `tables.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_tr.errors import UsageError
from edge_tr.formats.term_table import Table
from edge_tr.lower.budget import TrSetting
from edge_tr.lower.tables import MAX_PLANE_OFFSETS, int8_table, plane_count, plane_table, term_table
from edge_tr.tr.reveal import Revealed


@dataclass(frozen=True)
class Kernel:
    """`symbol` is the C object; `scratch_bytes(depth, planes)` what it needs per layer, the patch
    included; `takes` whether its table format can hold these weights."""

    name: str
    symbol: str
    doc: str
    table: Callable[[Revealed, TrSetting], Table]
    scratch_bytes: Callable[[int, int], int]
    takes: Callable[[Revealed, TrSetting], bool]


def _fits_offsets(revealed: Revealed, setting: TrSetting) -> bool:
    return revealed.values.shape[1] * plane_count(revealed, setting) <= MAX_PLANE_OFFSETS


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "planes",
        "tr_dot_planes",
        "exponent-ordered term lists on pre-shifted activations",
        plane_table,
        lambda depth, planes: 2 * depth * planes,
        _fits_offsets,
    ),
    Kernel(
        "term-pairs",
        "tr_dot_pairs",
        "the literal term-pair MAC loop, both operands as terms",
        term_table,
        lambda depth, planes: 2 * (depth + depth % 2) + 4 * depth,
        lambda revealed, setting: True,
    ),
    Kernel(
        "int8",
        "tr_dot_int8",
        "the int8 multiply baseline",
        int8_table,
        lambda depth, planes: 2 * depth,
        lambda revealed, setting: True,
    ),
)
_BY_NAME = {kernel.name: kernel for kernel in KERNELS}


@dataclass(frozen=True)
class KernelChoice:
    """`--kernel`: a kernel for all layers, and others by layer name; None is the first that fits."""

    default: Kernel | None = None
    layers: Mapping[str, Kernel] = field(default_factory=dict)


def parse_choice(texts: list[str]) -> KernelChoice:
    """From ``NAME`` and ``LAYER=NAME`` words; UsageError for an unknown kernel."""
    default, layers = None, {}
    for text in texts:
        layer, equals, name = text.rpartition("=")
        if name not in _BY_NAME:
            close = difflib.get_close_matches(name, _BY_NAME, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(f"no kernel is called {name!r}{hint} Known: {', '.join(_BY_NAME)}")
        if equals:
            layers[layer] = _BY_NAME[name]
        else:
            default = _BY_NAME[name]
    return KernelChoice(default, layers)


def choose(choice: KernelChoice, layer: str, revealed: Revealed, setting: TrSetting) -> Kernel:
    """The kernel of one layer; UsageError if the one asked for cannot hold its weights."""
    wanted = choice.layers.get(layer, choice.default)
    if wanted is None:
        return next(kernel for kernel in KERNELS if kernel.takes(revealed, setting))
    if not wanted.takes(revealed, setting):
        depth = revealed.values.shape[1]
        raise UsageError(
            f"kernel {wanted.name} cannot hold layer {layer}: its reduction axis of {depth} is too long; "
            f"choose another with --kernel {layer}=NAME"
        )
    return wanted
