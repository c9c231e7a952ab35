"""How sums become activations (struct tr_output): the fewest multiplications that give TFLite's results."""

from __future__ import annotations

import numpy as np

from edge_tr.kernels.call import Macro, Rows
from edge_tr.kernels.direct import Direct, direct
from edge_tr.kernels.machines import DIRECT
from edge_tr.kernels.product import DotProduct
from edge_tr.kernels.quick import Quick, common, digit_words, quick
from edge_tr.operators import DotParams
from edge_tr.structs import Array, Field, Struct, Value

CHANNEL = Struct("tr_channel", "One channel of `quick`, by TR_CHANNEL (tr_output.h).", ())
DIRECT_STRUCT = Struct(
    "tr_direct",
    "Armv7E-M: with h the rounded high word of (2 * sum + bias) * multiplier, one less\n"
    "where 2 * sum + bias < 0, the result is (h + ((2 * zero_point + 1) << shift)) >> shift >> 1, clamped.\n"
    "Above a zero point of -128 the one less makes no difference.",
    tuple(Field("int32_t", name) for name in ("bias", "multiplier", "shift")),
)
OUTPUT_STRUCT = Struct(
    "tr_output",
    "One layer's requantisation: by `direct`, or if that is null by the others. `bias` [channels] is what a sum\n"
    "lacks; the exact result is (sum + bias) * multiplier * 2^(shift - 31) + zero_point, clamped. `common`, fully\n"
    "connected layers only: of each one for all channels, `bias` excepted, which holds that of `direct`, or else is\n"
    "less by quick->low.",
    (
        Field("const struct tr_channel *", "quick"),
        Field("const int32_t *", "bias"),
        Field("const int32_t *", "multiplier"),
        Field("const int8_t *", "shift"),
        Field("int16_t", "zero_point"),
        Field("int8_t", "minimum"),
        Field("int8_t", "maximum"),
        Field("const struct tr_direct *", "direct"),
        Field("bool", "common", "not read by tr_finish_pixels and tr_finish_run"),
    ),
)


def requantisation(params: DotParams, bias: np.ndarray, isa: str) -> Quick | Direct:
    """The layer's constants; `bias` int64 [rows] is what its sums lack."""
    one_product = direct(params, bias) if isa in DIRECT else None
    return one_product or common(params, bias) or quick(params, bias)


def finishing(name: str, dot: DotProduct) -> tuple[dict[str, Value], tuple[Array, ...], Rows | None]:
    """The member `to` of the layer called `name`, its arrays and its constants by channel; nothing of sums."""
    if dot.requant is None:
        return {}, (), None
    return {"to": output(name, dot)}, output_arrays(dot), output_rows(dot)


def output(name: str, dot: DotProduct) -> dict[str, Value]:
    """struct tr_output of the layer called `name`."""
    params, way = dot.params, dot.requant
    needed = ("quick", "bias", "multiplier", "shift")
    if isinstance(way, Direct):
        needed = ("direct", "bias") if way.common else ("direct",)
    low, high = params.activation
    arrays: dict[str, Value] = {array: f"{name}_{array}" for array in needed}
    shared: dict[str, Value] = {"common": True} if way.common else {}
    return arrays | shared | {"zero_point": params.output_zero_point, "minimum": low, "maximum": high}


def output_rows(dot: DotProduct) -> Rows:
    """Constants by channel; the direct one of all channels has no bias."""
    way = dot.requant
    if isinstance(way, Direct):
        columns = ([0] if way.common else way.bias, way.multiplier, way.shift)
        rows = tuple(tuple(map(int, row)) for row in zip(*columns))
        return Rows(DIRECT_STRUCT, "direct", rows, needs="__ARM_FEATURE_DSP")
    columns = (way.low, way.high, way.factor, way.offset, way.near)
    channels = tuple(_channel(*map(int, row)) for row in zip(*columns))
    return Rows(CHANNEL, "quick", channels)


def _channel(low: int, high: int, factor: int, offset: int, near: int) -> Macro:
    return Macro("TR_CHANNEL", (low, high, factor, offset), (near, *digit_words(factor)))


def output_arrays(dot: DotProduct) -> tuple[Array, ...]:
    """The other arrays that `output` names."""
    way, requant = dot.requant, dot.params.requant
    if isinstance(way, Direct):
        return (Array("int32_t", "bias", way.bias),) if way.common else ()
    channels = 1 if way.common else None
    return (
        Array("int32_t", "bias", wrapped(way.addends(dot.bias))),
        Array("int32_t", "multiplier", requant.multiplier[:channels]),
        Array("int8_t", "shift", requant.shift[:channels]),
    )


def wrapped(values: np.ndarray) -> np.ndarray:
    """int64 modulo 2^32 as int32."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
