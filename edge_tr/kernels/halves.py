"""Depthwise layers as planes: where one channel's activations lie, and how windows move over them (struct tr_planes).

A plane is one channel of the image as int16, with what lies outside it, in rows of words of two activations beside each
other. Two outputs beside each other are computed at a time. Rows and columns may change places, so that pairs run along
the axis that they fit better; nothing below knows which way round that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_tr.kernels.output import OUTPUT_STRUCT
from edge_tr.operators import DepthwiseParams
from edge_tr.structs import Field, Struct, Value

MOST_WORDS = 8
"""Of one line of weights: the firmware has code for so many."""

PLANES = Struct(
    "tr_planes",
    "A depthwise layer over int16 planes of a channel each. `rows` and `columns` are those of a plane, which need not\n"
    "be the image's. A window is `lines` of `words` words of two activations, or 0 lines where it is not\n"
    "taken by line.",
    (
        Field("uint32_t", "channels", "of the input"),
        Field("uint32_t", "multiplier", "outputs of a channel"),
        Field("uint32_t", "image_rows"),
        Field("uint32_t", "image_columns", "what planes hold of the image"),
        Field("uint32_t", "pixel", "bytes from one input to the next one of the row"),
        Field("uint32_t", "line", "and from one row to the next"),
        Field("uint32_t", "first", "activations in front of the image's first one"),
        Field("uint32_t", "pitch", "activations of a row of the plane, even"),
        Field("uint32_t", "size", "activations of a plane, even"),
        Field("uint32_t", "rows", "of outputs"),
        Field("uint32_t", "columns"),
        Field("uint32_t", "output_pixel", "bytes from one output to the next one of the row"),
        Field("int32_t", "output_line", "bytes from the end of a row of outputs to the next row"),
        Field("uint32_t", "height", "of the window"),
        Field("uint32_t", "width"),
        Field("uint32_t", "stride_y"),
        Field("uint32_t", "stride_x"),
        Field("uint32_t", "dilation_y"),
        Field("uint32_t", "dilation_x"),
        Field("uint32_t", "lines"),
        Field("uint32_t", "words"),
        Field("int8_t", "outside", "the activation that lies outside the image"),
        Field("const int16_t *", "data_terms", "[256]: x + 128 -> what planes hold; null: x itself"),
        Field("const uint32_t *", "table"),
        Field("tr_dual_plane *", "plane", "all outputs of a channel; null: portably, window by window"),
        Field(OUTPUT_STRUCT, "to"),
    ),
    before="""\
struct tr_dual;

/* All outputs of one channel: tr_dual.h. */
typedef void tr_dual_plane(const struct tr_dual *how, const void *weights, const int16_t *plane, int8_t *output);

""",
)


@dataclass(frozen=True)
class Axis:
    """One axis of a depthwise layer. `step` and `output_step`: bytes from one input or output to the next."""

    size: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    pad: int
    step: int
    output_step: int

    @property
    def reach(self) -> int:
        """Activations that a window covers."""
        return (self.kernel - 1) * self.dilation + 1


@dataclass(frozen=True)
class Planes:
    """A layer with planes whose rows lie along the axis `across`."""

    channels: int
    multiplier: int
    down: Axis
    across: Axis
    turned: bool  # rows of planes are the image's columns

    @property
    def pairs(self) -> int:
        """Of outputs in a row."""
        return (self.across.outputs + 1) // 2

    @property
    def segments(self) -> int:
        """Lines of weights for a row of taps."""
        return -(-self._needed // MOST_WORDS)

    @property
    def words(self) -> int:
        """Words of a line."""
        return -(-self._needed // self.segments)

    @property
    def row_words(self) -> int:
        """Words of a row of taps."""
        return self.segments * self.words

    @property
    def lines(self) -> int:
        """Of a window; 0: it is not taken line by line."""
        return 0 if self.small else self.down.kernel * self.segments

    @property
    def pitch(self) -> int:
        """Activations of a row."""
        return 2 * (self.across.stride * (self.pairs - 1) + self.row_words)

    @property
    def size(self) -> int:
        """Activations of a plane."""
        return self.pitch * ((self.down.outputs - 1) * self.down.stride + self.down.reach)

    @property
    def _needed(self) -> int:
        return (self.across.reach + self.across.stride + 1) // 2

    @property
    def small(self) -> bool:
        """Whether windows are 3x3 with strides that have code of their own."""
        dense = self.across.dilation == 1 and self.across.stride <= 2
        return dense and self.down.kernel == self.across.kernel == 3


def orientations(params: DepthwiseParams) -> tuple[Planes, Planes]:
    """Rows of planes along the image's rows, and along its columns."""
    (_, width, channels), (_, columns, outputs) = params.input_shape, params.output_shape
    lengths = zip(params.input_shape, params.output_shape, params.kernel, params.stride, params.dilation, params.pad)
    steps = ((width * channels, columns * outputs), (channels, outputs))
    vertical, horizontal = (Axis(*length, *step) for length, step in zip(lengths, steps))
    multiplier = params.depth_multiplier
    return (
        Planes(channels, multiplier, vertical, horizontal, False),
        Planes(channels, multiplier, horizontal, vertical, True),
    )


def members(planes: Planes) -> dict[str, Value]:
    """Of struct tr_planes, but for the weights, what planes hold, and the output."""
    down, across = planes.down, planes.across
    room = planes.size // planes.pitch - down.pad, planes.pitch - across.pad
    held = [max(0, min(axis.size, left)) for axis, left in zip((down, across), room)]
    return {
        "channels": planes.channels,
        "multiplier": planes.multiplier,
        "image_rows": held[0] if held[1] else 0,
        "image_columns": held[1],
        "pixel": across.step,
        "line": down.step,
        "first": down.pad * planes.pitch + across.pad,
        "pitch": planes.pitch,
        "size": planes.size,
        "rows": down.outputs,
        "columns": across.outputs,
        "output_pixel": across.output_step,
        "output_line": down.output_step - across.outputs * across.output_step,
        "height": down.kernel,
        "width": across.kernel,
        "stride_y": down.stride,
        "stride_x": across.stride,
        "dilation_y": down.dilation,
        "dilation_x": across.dilation,
        "lines": planes.lines,
        "words": planes.words,
    }
