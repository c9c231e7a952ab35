"""Random whole models: chains with skips over every operator, odd shapes and extreme zero points.

`build(rng)` returns the bytes of a .tflite file.
"""

from __future__ import annotations

import numpy as np

from tests.firmware.harness_models import Network

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
MOST_VALUES = 4000  # of a tensor
MAY_BE_FREE = ("RESHAPE", "TRANSPOSE", "SLICE", "REVERSE_V2", "MIRROR_PAD", "RESIZE_NEAREST_NEIGHBOR")
MOST_UNITS = 90  # of a fully connected layer


class RandomModel(Network):
    """Grows by one random layer after the other that suits what is there."""

    computes = False  # not with RESHAPE alone, nor with moves that move nothing

    def __init__(self, rng: np.random.Generator) -> None:
        shape = tuple(int(v) for v in rng.integers((1, 1, 1), (20, 20, 9)))
        super().__init__(rng, shape if rng.random() < 0.8 else (int(rng.integers(1, 200)),))

    def _move(self, kind: str, *arguments: object, **options: object) -> None:
        super()._move(kind, *arguments, **options)
        self.computes = self.computes or kind not in MAY_BE_FREE

    def grow(self) -> None:
        """One more layer."""
        image = (self.window, self.window, self.deep, self.skip, self.pooled, self.pad_one, self.rescale, self.folded,
                 self.averaged, self.flatten, self.moved, self.moved, self.resized, self.joined, self.parted,
                 self.reduced, self.blocks, self.function, self.with_constant, self.gated)  # fmt: skip
        flat = (self.fully, self.fully, self.rescale, self.unfolded, self.skip, self.joined, self.parted,
                self.function, self.with_constant)  # fmt: skip
        choices = image if len(self.shape) == 3 else flat
        choices[int(self.rng.integers(len(choices)))]()

    def _integers(self, *ranges: tuple[int, int]) -> tuple[int, ...]:
        return tuple(int(self.rng.integers(*limits)) for limits in ranges)

    def _window(self, dilated: bool) -> tuple[dict[str, object], tuple[int, int], tuple[int, int]]:
        """(options, kernel, output size) that suit the image."""
        h, w, _ = self.shape
        while True:
            kernel, stride = self._integers((1, 6), (1, 6)), self._integers((1, 4), (1, 4))
            dilation = self._integers((1, 4), (1, 4)) if dilated and self.rng.random() < 0.3 else (1, 1)
            same = bool(self.rng.random() < 0.6)
            extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
            out = [-(-n // s) if same else (n - e) // s + 1 for n, s, e in zip((h, w), stride, extent)]
            if min(out) > 0:
                break
        options = dict(padding="SAME" if same else "VALID", stride_h=stride[0], stride_w=stride[1])
        if dilated:
            options |= dict(dilation_h_factor=dilation[0], dilation_w_factor=dilation[1])
        return options | dict(fused_activation_function=str(self.rng.choice(ACTIVATIONS))), kernel, (out[0], out[1])

    def window(self) -> None:
        options, kernel, out = self._window(dilated=True)
        channels = int(self.rng.integers(1, max(2, min(40, MOST_VALUES // (out[0] * out[1])))))
        self._dot("CONV_2D", (channels, *kernel, self.shape[2]), 0, (*out, channels), **options)

    def deep(self) -> None:
        options, kernel, out = self._window(dilated=True)
        multiplier = int(self.rng.integers(1, 3)) if self.shape[2] < 20 else 1
        channels = self.shape[2] * multiplier
        options |= dict(depth_multiplier=multiplier)
        self._dot("DEPTHWISE_CONV_2D", (1, *kernel, channels), 3, (*out, channels), **options)

    def skip(self) -> None:
        """x + f(x) of a layer f that keeps the shape, either way round."""
        if np.prod(self.shape) > MOST_VALUES // 4 or (len(self.shape) == 1 and self.shape[0] > MOST_UNITS):
            self.rescale()
            return
        before = (self.x, self.scale)
        if len(self.shape) == 3:
            self.conv(self.shape[2], self._integers((1, 4), (1, 4)), (1, 1), "RELU")
        else:
            self.dense(*self.shape)
        inputs = [before[0], self.x] if self.rng.random() < 0.5 else [self.x, before[0]]
        scale = max(before[1], self.scale) * float(self.rng.uniform(0.5, 2))
        activation = str(self.rng.choice(ACTIVATIONS))
        self._move("ADD", inputs, self.shape, scale, self._zero(), fused_activation_function=activation)

    def pooled(self) -> None:
        options, kernel, out = self._window(dilated=False)
        if self.rng.random() < 0.3:  # over everything
            kernel, out = self.shape[:2], (1, 1)
            options |= dict(padding="VALID")
        kind = str(self.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
        options |= dict(filter_height=kernel[0], filter_width=kernel[1])
        self._move(kind, [self.x], (*out, self.shape[2]), self.scale, self.zero, **options)

    def pad_one(self) -> None:
        if np.prod(self.shape) < MOST_VALUES // 4:
            self.pad()

    def moved(self) -> None:
        """A move that keeps the number of dimensions."""
        rank = len(self.shape)
        kind = str(self.rng.choice(["TRANSPOSE", "SLICE", "REVERSE_V2", "MIRROR_PAD"]))
        shape, constants, options = self.shape, [], {}
        if kind == "TRANSPOSE":
            order = self.rng.permutation(rank)
            shape, constants = tuple(shape[i] for i in order), [np.array([0, *(order + 1)])]
        elif kind == "SLICE":
            begin = self._integers(*((0, length) for length in shape))
            size = self._integers(*((1, length - first + 1) for length, first in zip(shape, begin)))
            shape, constants = size, [np.array([0, *begin]), np.array([1, *size])]
        elif kind == "REVERSE_V2":
            constants = [np.array([self.rng.integers(1, rank + 1)])]
        else:
            amounts = np.array([[0, 0], *(self.rng.integers(0, min(3, d), 2) for d in shape)])
            shape = tuple(int(d) for d in shape + amounts[1:].sum(axis=1))
            constants, options = [amounts], dict(mode="REFLECT")
        inputs = [self.x, *(self.model.constant(c.astype(np.int32)) for c in constants)]
        self._move(kind, inputs, shape, self.scale, self.zero, **options)

    def resized(self) -> None:
        """To up to twice the height and width."""
        h, w, c = self.shape
        kind = str(self.rng.choice(["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"]))
        size = self._integers((1, 2 * h + 1), (1, 2 * w + 1))
        if size[0] * size[1] * c > MOST_VALUES:
            size = (h, w)
        options = dict(align_corners=bool(self.rng.random() < 0.5), half_pixel_centers=False)
        inputs = [self.x, self.model.constant(np.array(size, np.int32))]
        self._move(kind, inputs, (*size, c), self.scale, self.zero, **options)

    def joined(self) -> None:
        """x beside another layer of it, along any axis."""
        if np.prod(self.shape) > MOST_VALUES // 4:
            return
        before, shape, axis = self.x, self.shape, int(self.rng.integers(len(self.shape)))
        self._move("QUANTIZE", [self.x], shape, self.scale, self.zero, version=2)
        inputs = [before, self.x, before] if self.rng.random() < 0.3 else [self.x, before]
        shape = (*shape[:axis], shape[axis] * len(inputs), *shape[axis + 1 :])
        options = dict(axis=axis + 1, fused_activation_function="NONE")
        self._move("CONCATENATION", inputs, shape, self.scale, self.zero, **options)

    def parted(self) -> None:
        """Both halves, the second one first."""
        axis = int(self.rng.integers(len(self.shape)))
        first = int(self.rng.integers(1, self.shape[axis])) if self.shape[axis] > 1 else 0
        if not first:
            return
        sizes = [first, self.shape[axis] - first]
        parts = [
            self.model.activation((1, *self.shape[:axis], size, *self.shape[axis + 1 :]), self.scale, self.zero)
            for size in sizes
        ]
        inputs = [self.x, *(self.model.constant(np.array(of, np.int32)) for of in (sizes, axis + 1))]
        self.model.op("SPLIT_V", inputs, parts, version=2, num_splits=2)
        options = dict(axis=axis + 1, fused_activation_function="NONE")
        self._move("CONCATENATION", parts[::-1], self.shape, self.scale, self.zero, **options)

    def reduced(self) -> None:
        """The largest or smallest along some axes."""
        kind = str(self.rng.choice(["REDUCE_MAX", "REDUCE_MIN"]))
        axes = np.flatnonzero(self.rng.random(len(self.shape)) < 0.4)
        if not len(axes):
            axes = np.array([0])
        shape = tuple(1 if i in axes else size for i, size in enumerate(self.shape))
        constant = self.model.constant((axes + 1).astype(np.int32))
        self._move(kind, [self.x, constant], shape, self.scale, self.zero, version=2, keep_dims=True)

    def blocks(self) -> None:
        """Channels of blocks of 2 by 2 pixels, one way or the other."""
        h, w, c = self.shape
        if h % 2 == w % 2 == 0:
            self._move("SPACE_TO_DEPTH", [self.x], (h // 2, w // 2, 4 * c), self.scale, self.zero, block_size=2)
        elif c % 4 == 0:
            self._move("DEPTH_TO_SPACE", [self.x], (2 * h, 2 * w, c // 4), self.scale, self.zero, block_size=2)

    def rescale(self) -> None:
        scale = self.scale * float(10 ** self.rng.uniform(-0.5, 0.5))
        self._move("QUANTIZE", [self.x], self.shape, scale, self._zero(), version=2)

    def function(self) -> None:
        """A table of 256 bytes."""
        kind = str(self.rng.choice(["LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "RELU6", "ABS", "EXP", "GELU"]))
        scale = self.scale * float(10 ** self.rng.uniform(-0.5, 0.5))
        quantization = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(kind, (scale, self._zero()))
        options = {"LEAKY_RELU": dict(alpha=0.1), "GELU": dict(approximate=False)}.get(kind, {})
        self._move(kind, [self.x], self.shape, *quantization, **options)

    def with_constant(self) -> None:
        """Of one element, a row of channels, or broadcast along any other axis."""
        sizes = [size if self.rng.random() < 0.5 else 1 for size in self.shape][
            int(self.rng.integers(len(self.shape))) :
        ]
        values = self.rng.integers(-128, 128, sizes).astype(np.int8)
        constant = self.model.constant(values, [self.scale * float(self.rng.uniform(0.3, 3))], [self._zero()])
        inputs = [self.x, constant] if self.rng.random() < 0.5 else [constant, self.x]
        self._two(str(self.rng.choice(["ADD", "SUB", "MUL"])), inputs)

    def gated(self) -> None:
        """x with a function of itself."""
        before = self.x
        self.function()
        self._two(str(self.rng.choice(["ADD", "SUB", "MUL"])), [before, self.x])

    def _two(self, kind: str, inputs: list[int]) -> None:
        scale = self.scale * float(self.rng.uniform(0.5, 4))
        activation = str(self.rng.choice(ACTIVATIONS))
        self._move(kind, inputs, self.shape, scale, self._zero(), fused_activation_function=activation)

    def folded(self) -> None:
        """Another height and width, or channels among them."""
        h, w, c = self.shape
        shapes = [(w, h, c), (1, h * w, c), (h * w, 1, c), (h, c, w), (1, h, w * c)]
        self._reshape(shapes[int(self.rng.integers(len(shapes)))])

    def unfolded(self) -> None:
        """An image of a vector."""
        (size,) = self.shape
        rows = int(self.rng.choice([n for n in range(1, size + 1) if size % n == 0]))
        self._reshape((1, rows, size // rows) if self.rng.random() < 0.7 else (1, 1, size))

    def _reshape(self, shape: tuple[int, ...]) -> None:
        constant = self.model.constant(np.array([1, *shape], np.int32))
        self._move("RESHAPE", [self.x, constant], shape, self.scale, self.zero)

    def averaged(self) -> None:
        axes = [np.array(axes, np.int32) for axes in ([1, 2], [1], [2])][int(self.rng.integers(3))]
        shape = tuple(1 if i + 1 in axes else size for i, size in enumerate(self.shape))
        self._move("MEAN", [self.x, self.model.constant(axes)], shape, self.scale, self._zero(), keep_dims=True)

    def fully(self) -> None:
        self.dense(int(self.rng.integers(1, MOST_UNITS)))


def build(rng: np.random.Generator, most_layers: int = 8) -> bytes:
    """A model of a few layers, with a softmax at its end now and then."""
    model = RandomModel(rng)
    for _ in range(int(rng.integers(1, most_layers + 1))):
        model.grow()
    if len(model.shape) == 1 and model.shape[0] < 500 and rng.random() < 0.5:
        model.softmax()
    if not model.computes:  # as is refused
        model.rescale()
    return model.finish()
