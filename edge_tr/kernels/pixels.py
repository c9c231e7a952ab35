"""Where a layer's activations lie (struct tr_pixels), and the call of kernels that read them and a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edge_tr.kernels.call import DotCall
from edge_tr.kernels.output import OUTPUT_STRUCT, finishing
from edge_tr.kernels.product import DotProduct
from edge_tr.operators import DepthwiseParams, DotParams, FullyConnectedParams
from edge_tr.structs import SHAPE, WINDOW, Array, Field, Struct, Value, window

STRIDES = Struct(
    "tr_strides",
    "Bytes between activations, modulo 2^32, multiplied out by the generator: a core may have to do it by software.",
    (
        Field("uint32_t", "corner", "from the input to the first window's corner"),
        Field("uint32_t", "right", "from one window's corner to the next one's"),
        Field("uint32_t", "down", "and from the last of a row on"),
        Field("uint32_t", "column", "from one tap of a window to the next"),
        Field("uint32_t", "row", "and from one row of taps to the next"),
        Field("uint32_t", "line", "from one row of the input to the next"),
        Field("uint32_t", "run", "of a row of a dense window"),
        Field("uint32_t", "end", "columns, not bytes: the corner behind the last one of a row"),
        Field("uint32_t", "rows", "rows: of the input that a window reaches over"),
    ),
)
PIXELS = Struct(
    "tr_pixels",
    "Where words of two pixels come from. x is the activation as it is, the zero point being part of the bias, or\n"
    "x - zero_point cut to its s largest terms.",
    (
        Field(SHAPE, "input"),
        Field(SHAPE, "output"),
        Field(WINDOW, "window"),
        Field(STRIDES, "strides"),
        Field("int8_t", "outside", "the activation that lies outside the image"),
        Field("const int16_t *", "data_terms", "[256]: x + 128 -> what words hold; null: x itself"),
    ),
)
TILES = Struct(
    "tr_tiles",
    "A layer whose weights are a table that is read once for a tile of pixels.",
    (Field(PIXELS, "pixels"), Field("const uint32_t *", "table"), Field(OUTPUT_STRUCT, "to")),
)


def tiles(name: str, dot: DotProduct, routine: str) -> DotCall:
    """The call of ``<operator>_<routine>`` (struct tr_tiles)."""
    to, arrays, rows = finishing(name, dot)
    values = {"pixels": pixels(dot), "table": f"{name}_table", **to}
    function = "tr_fully_connected" if isinstance(dot.params, FullyConnectedParams) else convolution(dot.params)
    function = "tr_sums" if dot.requant is None else function
    return DotCall(f"{function}_{routine}", TILES, values, arrays, rows, lookup(dot))


def convolution(params: DotParams) -> str:
    """The C function's name, but for the kernel's; rows of a fully connected layer are pixels."""
    return "tr_depthwise_conv_2d" if isinstance(params, DepthwiseParams) else "tr_conv_2d"


def shapes(params: DotParams) -> dict[str, Value]:
    """Members of both tr_shape and of tr_window."""
    if isinstance(params, FullyConnectedParams):
        inner, outer = (params.rows, 1, params.depth), (params.rows, 1, params.units)
        return {"input": inner, "output": outer, "window": window((1, 1), (1, 1))}
    moves = window(params.kernel, params.stride, params.dilation, params.pad)
    return {"input": params.input_shape, "output": params.output_shape, "window": moves}


def pixels(dot: DotProduct) -> dict[str, Value]:
    """struct tr_pixels."""
    fields = {"strides": _strides(dot.params), "outside": dot.params.input_zero_point}
    return shapes(dot.params) | fields | {"data_terms": lookup_name(dot)}


def lookup_name(dot: DotProduct) -> Value:
    """C name of `lookup`, 0: activations keep all terms."""
    table = lookup(dot)
    return 0 if table is None else table.name


def lookup(dot: DotProduct) -> Array | None:
    """int16 [256] by x + 128: x - zero_point cut to s terms. None: all terms."""
    if dot.data_terms is None:
        return None
    zero_point = dot.params.input_zero_point
    values = dot.data_terms[np.arange(-128, 128) - zero_point + 255]
    return Array("int16_t", f"data_terms_s{dot.setting.data_terms}_zero{zero_point + 128}", values)


def _strides(params: DotParams) -> dict[str, Value]:
    """struct tr_strides. Rows of a fully connected layer are pixels, one a line."""
    if isinstance(params, FullyConnectedParams):
        steps = dict.fromkeys(("right", "column", "row", "line", "run"), params.depth)
        return _modulo(steps | {"end": 1, "rows": 1})
    (_, width, channels), (_, columns, _) = params.input_shape, params.output_shape
    line = width * channels
    right = params.stride[1] * channels
    return _modulo(
        {
            "corner": -(params.pad[0] * line + params.pad[1] * channels),
            "right": right,
            "down": params.stride[0] * line - columns * right,
            "column": params.dilation[1] * channels,
            "row": params.dilation[0] * line,
            "line": line,
            "run": params.kernel[1] * channels,
            "end": columns * params.stride[1] - params.pad[1],
            "rows": (params.kernel[0] - 1) * params.dilation[0] + 1,
        }
    )


def _modulo(numbers: Mapping[str, int]) -> dict[str, Value]:
    """Modulo 2^32, as C's arithmetic."""
    return {name: number % 2**32 for name, number in numbers.items()}
