"""What the model file says of each layer: its constants and its kernel call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np

from edge_tr.codegen.structs import initialisers
from edge_tr.codegen.text import integer
from edge_tr.formats.term_table import LAYOUT, layout_of
from edge_tr.lower.direct import Direct
from edge_tr.lower.generated import Code, Function
from edge_tr.lower.kernels import (
    LevelsKernel,
    TableKernel,
)
from edge_tr.lower.program import Layer, Program
from edge_tr.lower.quick import Quick, digit_words
from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams

Initialisers = dict[str, str]
"""Field of the C struct -> initialiser."""


@dataclass(frozen=True)
class LayerCode:
    """One layer, ready to print. `arrays` are (C type, name, numpy array)."""

    layer: Layer
    struct: str
    function: str
    initialisers: Initialisers
    inputs: tuple[int, ...]  # arena offsets
    output: int
    output_bytes: int
    scratch: int | None
    scratch_type: str
    arrays: tuple[tuple[str, str, np.ndarray], ...] = ()
    lookup_name: str = ""
    lookup: np.ndarray | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def table(self) -> bytes | None:
        """The layer's weight table, if it has one."""
        dot = self.layer.dot
        return dot.body if dot is not None and isinstance(dot.body, bytes) else None

    @property
    def code(self) -> Code | None:
        """The layer's generated code, if it has any."""
        dot = self.layer.dot
        return dot.body if dot is not None and isinstance(dot.body, Code) else None

    def functions(self) -> list[tuple[str, Function | None]]:
        """C name and program of every generated function; one per output channel in a depthwise layer."""
        functions = self.code.functions if self.code is not None else ()
        return [(f"tr_{self.name}_code{n if self.sweeps else ''}", function) for n, function in enumerate(functions)]

    @property
    def sweeps(self) -> bool:
        """Whether each function runs over the plane of one channel."""
        return self.code is not None and isinstance(self.layer.params, DepthwiseParams)

    def quick_rows(self) -> list[str]:
        """Initialisers of struct tr_channel, as calls of the macro TR_CHANNEL; none if `direct_rows` has any."""
        quick = self.layer.dot.requant
        if not isinstance(quick, Quick):
            return []
        columns = (quick.low, quick.high, quick.factor, quick.offset, quick.near)
        return [_channel(*(int(value) for value in row)) for row in zip(*columns)]

    def direct_rows(self) -> list[str]:
        """Initialisers of struct tr_direct; the one of all channels has no bias."""
        direct = self.layer.dot.requant
        if not isinstance(direct, Direct):
            return []
        rows = zip([0] if direct.common else direct.bias, direct.multiplier, direct.shift)
        return [f"{{{', '.join(integer(int(value)) for value in row)}}}" for row in rows]


def _channel(low: int, high: int, factor: int, offset: int, near: int) -> str:
    numbers = [integer(low), integer(high), integer(factor), integer(offset)]
    return f"TR_CHANNEL({', '.join([*numbers, *(f'0x{word:x}u' for word in (near, *digit_words(factor)))])})"


def constants_of(program: Program, layer: Layer) -> LayerCode:
    """The C of one layer."""
    if layer.call is not None:
        struct, function = layer.call.struct.name, layer.call.function
        fields = initialisers(layer.call.struct, layer.call.values, layer.name)
    else:
        struct, function, fields = _call(layer.params, layer)
    dot = layer.dot
    lookup_name, lookup = _lookup(layer)
    return LayerCode(
        layer=layer,
        struct=struct,
        function=function,
        initialisers=fields,
        inputs=tuple(program.offset(tensor) for tensor in layer.inputs),
        output=program.offset(layer.output),
        output_bytes=layer.output_bytes,
        scratch=None if dot is None else program.memory.offsets[layer.name],
        scratch_type="int16_t" if dot is not None and isinstance(dot.kernel, TableKernel) else "int32_t",
        arrays=_arrays(layer),
        lookup_name=lookup_name,
        lookup=lookup,
    )


def _lookup(layer: Layer) -> tuple[str, np.ndarray | None]:
    """int16 [256] by x + 128: x - zero_point cut to s terms."""
    if layer.dot is None or layer.dot.data_terms is None:
        return "", None
    zero_point = layer.params.input_zero_point
    values = layer.dot.data_terms[np.arange(-128, 128) - zero_point + 255]
    return f"data_terms_s{layer.dot.setting.data_terms}_zero{zero_point + 128}", values


def _arrays(layer: Layer) -> tuple[tuple[str, str, np.ndarray], ...]:
    return _corrections(layer) + _constants(layer)


def _corrections(layer: Layer) -> tuple[tuple[str, str, np.ndarray], ...]:
    """[levels * channels], of layers that are dialled."""
    if layer.dot is None or not layer.dot.levels:
        return ()
    return (("int32_t", f"{layer.name}_corrections", _wrapped(np.stack([of.correction for of in layer.dot.levels]))),)


def _wrapped(values: np.ndarray) -> np.ndarray:
    """int64 modulo 2^32 as int32."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def _constants(layer: Layer) -> tuple[tuple[str, str, np.ndarray], ...]:
    if layer.call is not None:
        return tuple((array.type, f"{layer.name}_{array.name}", array.values) for array in layer.call.arrays)
    way = layer.dot.requant
    if isinstance(way, Direct):
        return (("int32_t", f"{layer.name}_bias", way.bias),) if way.common else ()
    requant, channels = layer.params.requant, 1 if way.common else None
    return (
        ("int32_t", f"{layer.name}_bias", _wrapped(way.addends(layer.dot.bias))),
        ("int32_t", f"{layer.name}_multiplier", requant.multiplier[:channels]),
        ("int8_t", f"{layer.name}_shift", requant.shift[:channels]),
    )


@singledispatch
def _call(params: object, layer: Layer) -> tuple[str, str, Initialisers]:
    """(struct, function, initialisers) of a layer's kernel call."""
    raise TypeError(f"no kernel for {type(params).__name__}")


@_call.register
def _(params: ConvParams, layer: Layer) -> tuple[str, str, Initialisers]:
    window = _window(params.kernel, params.stride, params.dilation, params.pad)
    shapes = {"input": _shape(params.input_shape), "output": _shape(params.output_shape)}
    return _convolution(layer, "tr_conv_2d", shapes, window)


@_call.register
def _(params: DepthwiseParams, layer: Layer) -> tuple[str, str, Initialisers]:
    window = _window(params.kernel, params.stride, params.dilation, params.pad)
    shapes = {"input": _shape(params.input_shape), "output": _shape(params.output_shape)}
    return _convolution(layer, "tr_depthwise_conv_2d", shapes, window)


@_call.register
def _(params: FullyConnectedParams, layer: Layer) -> tuple[str, str, Initialisers]:
    rows = {"input": _shape((params.rows, 1, params.depth)), "output": _shape((params.rows, 1, params.units))}
    return _convolution(layer, "tr_conv_2d", rows, _window((1, 1), (1, 1)))


def _output(layer: Layer) -> str:
    params, name = layer.params, layer.name
    low, high = params.activation
    common = layer.dot.requant.common
    needed = ("quick", "bias", "multiplier", "shift")
    if isinstance(layer.dot.requant, Direct):
        needed = ("direct", "bias") if common else ("direct",)
    arrays = ", ".join(f".{array} = {name}_{array}" for array in needed)
    arrays += ", .common = true" if common else ""
    return f"{{{arrays}, .zero_point = {params.output_zero_point}, .minimum = {low}, .maximum = {high}}}"


def _table_dot(layer: Layer) -> Initialisers:
    lookup_name, _ = _lookup(layer)
    return {
        "input_zero_point": integer(layer.params.input_zero_point),
        "data_terms": lookup_name or "0",
        "dot": f"&{layer.dot.kernel.symbol}",
        "table": f"{layer.name}_table",
        "to": _output(layer),
    }


def _pixels(layer: Layer, shapes: Initialisers) -> str:
    """struct tr_pixels."""
    lookup_name, _ = _lookup(layer)
    outside = integer(layer.params.input_zero_point)
    fields = shapes | {"strides": _strides(layer.params), "outside": outside, "data_terms": lookup_name or "0"}
    return f"{{{', '.join(f'.{name} = {value}' for name, value in fields.items())}}}"


def _strides(params: DotParams) -> str:
    """struct tr_strides: modulo 2^32, as C's arithmetic. Rows of a fully connected layer are pixels, one a line."""
    if isinstance(params, FullyConnectedParams):
        return _strides_text(
            {
                "right": params.depth,
                "column": params.depth,
                "row": params.depth,
                "line": params.depth,
                "run": params.depth,
                "end": 1,
                "rows": 1,
            }
        )
    (_, width, channels), (_, columns, _) = params.input_shape, params.output_shape
    line = width * channels
    right = params.stride[1] * channels
    numbers = {
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
    return _strides_text(numbers)


def _strides_text(numbers: Mapping[str, int]) -> str:
    return f"{{{', '.join(f'.{name} = {number % 2**32}u' for name, number in numbers.items())}}}"


def _convolution(layer: Layer, function: str, shapes: Initialisers, window: str) -> tuple[str, str, Initialisers]:
    shapes, kernel = shapes | {"window": window}, layer.dot.kernel
    if isinstance(kernel, TableKernel):
        return "tr_convolution", function, shapes | _table_dot(layer)
    if isinstance(kernel, LevelsKernel):
        return "tr_levels", _levels_function(layer, function), _levels(layer, shapes)
    if isinstance(layer.dot.body, bytes):
        fields = {"pixels": _pixels(layer, shapes), "table": f"{layer.name}_table", "to": _output(layer)}
        rows = isinstance(layer.params, FullyConnectedParams)
        return "tr_tiles", f"{'tr_fully_connected' if rows else function}_{_routine(layer)}", fields
    sweeps = isinstance(layer.params, DepthwiseParams)
    code = {"planes": f"{layer.name}_planes"} if sweeps else {"code": f"tr_{layer.name}_code"}
    fields = {"pixels": _pixels(layer, shapes), **code, "to": _output(layer)}
    return "tr_pairs", f"{function}_pairs", fields


_ROUTINES = {LAYOUT.FOURS_APART: "apart", LAYOUT.FOURS_JOINT: "joint"}


def _routine(layer: Layer) -> str:
    """What the kernel's function is called: by the layout, where it has several."""
    return _ROUTINES.get(layout_of(layer.dot.body), layer.dot.kernel.name)


def _levels_function(layer: Layer, function: str) -> str:
    """Rows of a fully connected layer are pixels where activations are truncated first."""
    bytes_as_they_are = isinstance(layer.params, FullyConnectedParams) and layer.dot.data_terms is None
    return f"{'tr_fully_connected' if bytes_as_they_are else function}_levels"


def _levels(layer: Layer, shapes: Initialisers) -> Initialisers:
    return {
        "pixels": _pixels(layer, shapes),
        "table": f"{layer.name}_table",
        "to": _output(layer),
        "levels": f"{len(layer.dot.levels)}u",
        "level": "&level",
        "corrections": f"{layer.name}_corrections",
    }


def _shape(shape: tuple[int, int, int]) -> str:
    return "{{{}u, {}u, {}u}}".format(*shape)


def _window(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0),
) -> str:
    return "{{{}}}".format(", ".join(f"{n}u" for n in (*kernel, *stride, *dilation, *pad)))
