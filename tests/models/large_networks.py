"""Networks as large as people's, with random weights: MobileNetV2 1.0 at 224 x 224, two mobile networks of the size
that runs on microcontrollers, and a detector of YOLOv5n's size.

`python -m tests.models.large_networks NAME FILE` writes one. They are for whoever measures what a build takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.firmware.harness_models import Network

SEED = 15
STEPS = 64
"""About as many as a weight is from 0."""
BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""(expansion, channels, repeats, stride), table 2 of the MobileNetV2 paper."""
ANCHORS, CLASSES = 3, 80


class LargeNetwork(Network):
    """However deep, scales stay what they are: weights are as small as their sums are long."""

    def _dot(self, kind: str, weights: tuple[int, ...], axis: int, shape: tuple[int, ...], **options: object) -> None:
        channels = weights[axis]
        mean = 1 / (STEPS * np.sqrt(np.prod(weights) / channels))
        w_scale = self.rng.uniform(0.5 * mean, 1.5 * mean, channels).astype(np.float32)
        w = self.model.constant(self.rng.integers(-128, 128, weights).astype(np.int8), w_scale, axis=axis)
        bias = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        b = self.model.constant(bias, np.float32(self.scale) * w_scale)
        cuts = options.get("fused_activation_function", "NONE") != "NONE"
        self._move(kind, [self.x, w, b], shape, self.scale, -128 if cuts else self._zero(), **options)

    def _zero(self) -> int:
        return int(self.rng.integers(-20, 20))


class MobileNetV2(LargeNetwork):
    """Inverted residuals with linear bottlenecks."""

    def bottleneck(self, expansion: int, channels: int, stride: int) -> None:
        """1 x 1 up, 3 x 3 depthwise, 1 x 1 down, added to its input where it keeps the shape."""
        before, scale, shape = self.x, self.scale, self.shape
        if expansion > 1:
            self.conv(expansion * shape[2], (1, 1), (1, 1), "RELU6")
        self.depthwise(1, (3, 3), (1, 1), (stride, stride), "RELU6")
        self.conv(channels, (1, 1), (1, 1))
        if self.shape == shape:
            self._move("ADD", [before, self.x], shape, scale, self._zero())


def mobilenet_v2(size: int = 224) -> bytes:
    """3.5 M weights, 301 M multiplications at 224."""
    net = MobileNetV2(np.random.default_rng(SEED), (size, size, 3))
    net.conv(32, (3, 3), (2, 2), "RELU6")
    for expansion, channels, repeats, stride in BOTTLENECKS:
        for number in range(repeats):
            net.bottleneck(expansion, channels, stride if number == 0 else 1)
    net.conv(1280, (1, 1), (1, 1), "RELU6")
    net.mean()
    net.dense(1000)
    net.softmax()
    return net.finish()


def divisible(channels: float) -> int:
    """Channels of a narrower network: a multiple of eight, and no less than 90 % of `channels`."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


class MobileNet(MobileNetV2):
    """With zero points and ranges that nobody tuned a kernel to: a RELU6 cuts inside of int8 where the scale is not
    6 / 255, and linear layers lie around any zero point."""

    def _move(
        self, kind: str, inputs: list[int], shape: tuple[int, ...], scale: float, zero: int, **options: object
    ) -> None:
        if options.get("fused_activation_function") == "RELU6":
            scale, zero = (6 / 255, -128) if self.rng.random() < 0.5 else (0.03, int(self.rng.integers(-128, -90)))
        super()._move(kind, inputs, shape, scale, zero, **options)

    def separable(self, channels: int, stride: int, activation: str) -> None:
        """3 x 3 depthwise, 1 x 1."""
        self.depthwise(1, (3, 3), (1, 1), (stride, stride), activation)
        self.conv(channels, (1, 1), (1, 1), "RELU6")


def narrow_mobilenet_v2(size: int = 128, width: float = 0.35, classes: int = 2) -> bytes:
    """MobileNetV2 as people run it on microcontrollers."""
    net = MobileNet(np.random.default_rng(SEED), (size, size, 3))
    net.conv(divisible(32 * width), (3, 3), (2, 2), "RELU6")
    for expansion, channels, repeats, stride in BOTTLENECKS:
        for number in range(repeats):
            net.bottleneck(expansion, divisible(channels * width), stride if number == 0 else 1)
    net.conv(1280, (1, 1), (1, 1), "RELU6")
    net.mean()
    net.dense(classes)
    return net.finish()


FAST_DOWNSAMPLING = ((64, 2), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 4, (1024, 1))
"""(channels, stride), table 1 of the FD-MobileNet paper (arXiv:1802.03750)."""


def fd_mobilenet(size: int = 128, width: float = 0.25) -> bytes:
    """FD-MobileNet; depthwise layers are linear now and then."""
    net = MobileNet(np.random.default_rng(SEED), (size, size, 3))
    net.conv(int(32 * width), (3, 3), (2, 2), "RELU6")
    for number, (channels, stride) in enumerate(FAST_DOWNSAMPLING):
        net.separable(int(channels * width), stride, "NONE" if number % 3 == 1 else "RELU6")
    net.mean()
    net.dense(10)
    return net.finish()


class Detector(LargeNetwork):
    """YOLOv5's blocks. Tensors that meet in a CONCATENATION have one quantisation, so all of them have."""

    COMMON = (0.05, -122)

    def silu(self, channels: int, size: int = 1, stride: int = 1) -> None:
        """A convolution, and x * sigmoid(x) of it."""
        self.conv(channels, (size, size), (stride, stride))
        before = self.x
        self._move("LOGISTIC", [before], self.shape, 1 / 256, -128)
        self._move("MUL", [before, self.x], self.shape, *self.COMMON)

    def joined(self, parts: Sequence[int], channels: int) -> None:
        """Beside each other along the channels."""
        self._move("CONCATENATION", parts, (*self.shape[:2], channels), *self.COMMON, axis=3)

    def c3(self, channels: int, repeats: int, adds: bool = True) -> None:
        """Half of the channels through bottlenecks, the other half past them."""
        given, shape, half = self.x, self.shape, channels // 2
        self.silu(half)
        for _ in range(repeats):
            before = self.x
            self.silu(half)
            self.silu(half, 3)
            if adds:
                self._move("ADD", [before, self.x], self.shape, *self.COMMON)
        through = self.x
        self.x, self.shape = given, shape
        self.silu(half)
        self.joined([through, self.x], channels)
        self.silu(channels)

    def sppf(self) -> None:
        """Maxima over 5 x 5, three times one after the other, beside what they are of."""
        channels = self.shape[2]
        self.silu(channels // 2)
        parts = [self.x]
        for _ in range(3):
            options = dict(padding="SAME", stride_h=1, stride_w=1, filter_height=5, filter_width=5)
            self._move("MAX_POOL_2D", [self.x], self.shape, *self.COMMON, **options)
            parts.append(self.x)
        self.joined(parts, 2 * channels)
        self.silu(channels)

    def doubled(self) -> None:
        h, w, channels = self.shape
        size = self.model.constant(np.array([2 * h, 2 * w], np.int32))
        self._move("RESIZE_NEAREST_NEIGHBOR", [self.x, size], (2 * h, 2 * w, channels), *self.COMMON)

    def head(self) -> int:
        """The output of one resolution, [1, boxes, 5 + CLASSES]."""
        h, w, _ = self.shape
        self.conv(ANCHORS * (5 + CLASSES), (1, 1), (1, 1))
        self._move("LOGISTIC", [self.x], self.shape, 1 / 256, -128)
        shape = (h * w * ANCHORS, 5 + CLASSES)
        self._move("RESHAPE", [self.x, self.model.constant(np.array([1, *shape], np.int32))], shape, 1 / 256, -128)
        return self.x


def yolo_v5n(size: int = 320, apart: bool = False) -> bytes:
    """1.9 M weights. `apart`: three outputs, else one of all boxes."""
    net = Detector(np.random.default_rng(SEED), (size, size, 3))
    kept: dict[str, tuple[int, tuple[int, ...]]] = {}

    def keep(name: str) -> None:
        kept[name] = (net.x, net.shape)

    def beside(name: str) -> None:
        other, shape = kept[name]
        net.joined([net.x, other], net.shape[2] + shape[2])

    net.silu(16, 6, 2)
    for channels, repeats, name in ((32, 1, ""), (64, 2, "third"), (128, 3, "fourth"), (256, 1, "")):
        net.silu(channels, 3, 2)
        net.c3(channels, repeats)
        keep(name)
    net.sppf()
    for channels, name, left in ((128, "fourth", "top"), (64, "third", "middle")):
        net.silu(channels)
        keep(left)
        net.doubled()
        beside(name)
        net.c3(channels, 1, adds=False)
    keep("small")
    for channels, name, left in ((64, "middle", "medium"), (128, "top", "large")):
        net.silu(channels, 3, 2)
        beside(name)
        net.c3(2 * channels, 1, adds=False)
        keep(left)
    heads = []
    for name in ("small", "medium", "large"):
        net.x, net.shape = kept[name]
        heads.append(net.head())
    if apart:
        return net.model.finish([net.input], heads)
    boxes = ANCHORS * sum(kept[name][1][0] * kept[name][1][1] for name in ("small", "medium", "large"))
    net._move("CONCATENATION", heads, (boxes, 5 + CLASSES), 1 / 256, -128, axis=1)
    return net.finish()


MODELS: dict[str, Callable[[], bytes]] = {
    "mobilenet_v2": mobilenet_v2,
    "narrow_mobilenet_v2": narrow_mobilenet_v2,
    "fd_mobilenet": fd_mobilenet,
    "yolo_v5n": yolo_v5n,
}


def main() -> None:
    """Entry point."""
    name, path = sys.argv[1:]
    Path(path).write_bytes(MODELS[name]())


if __name__ == "__main__":
    main()
