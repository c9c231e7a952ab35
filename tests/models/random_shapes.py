"""Random models of odd shapes: large filters, strides and dilations, long and thin images, many channels.

`build(rng)` returns the bytes of a .tflite file. They are for whoever packs sizes into narrow fields: most numbers are
larger than any that people draw, and some are too large.
"""

from __future__ import annotations

import numpy as np

from tests.firmware.harness_models import Network
from tests.models.random_models import ACTIVATIONS, RandomModel

MOST_MACS = 400_000  # of a layer, for the time that golden and the simulation take
MOST_DEPTH = 700  # weights of an output, for the time that scheduling takes
MOST_WEIGHTS = 12_000
MOST_VALUES = 70_000  # of a tensor: the accelerator holds 65,536


class RandomShapes(RandomModel):
    """Grows by one window after the other; at its end perhaps a fully connected layer."""

    def __init__(self, rng: np.random.Generator) -> None:
        Network.__init__(self, rng, _shape(rng))

    def grow(self) -> None:
        """One more layer."""
        choices = (self.window, self.window, self.window, self.deep, self.pooled, self.skip)
        choices[int(self.rng.integers(len(choices)))]()

    def _window(self, dilated: bool) -> tuple[dict[str, object], tuple[int, int], tuple[int, int]]:
        h, w, _ = self.shape
        kernel, stride = self._integers((1, 16), (1, 16)), self._integers((1, 5), (1, 5))
        dilation = self._integers((1, 5), (1, 5)) if dilated and self.rng.random() < 0.3 else (1, 1)
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        same = bool(self.rng.random() < 0.7) or h < extent[0] or w < extent[1]
        out = [-(-n // s) if same else (n - e) // s + 1 for n, s, e in zip((h, w), stride, extent)]
        options = dict(padding="SAME" if same else "VALID", stride_h=stride[0], stride_w=stride[1])
        if dilated:
            options |= dict(dilation_h_factor=dilation[0], dilation_w_factor=dilation[1])
        return options | dict(fused_activation_function=str(self.rng.choice(ACTIVATIONS))), kernel, (out[0], out[1])

    def window(self) -> None:
        """CONV_2D, small enough to be computed and scheduled."""
        options, kernel, out = self._window(dilated=True)
        depth, pixels = kernel[0] * kernel[1] * self.shape[2], out[0] * out[1]
        if depth > MOST_DEPTH:
            kernel, depth = (1, 1), self.shape[2]
            strides = options["stride_h"], options["stride_w"]
            out = tuple(-(-n // stride) for n, stride in zip(self.shape, strides))
        most = min(MOST_MACS // (depth * pixels), MOST_WEIGHTS // depth, MOST_VALUES // pixels)
        channels = int(self.rng.integers(1, max(2, most if self.rng.random() < 0.3 else min(most, 40))))
        self._dot("CONV_2D", (channels, *kernel, self.shape[2]), 0, (*out, channels), **options)


def _shape(rng: np.random.Generator) -> tuple[int, int, int]:
    """Of an input: square, thin, deep, or any."""
    limits = [(65, 65, 5), (2, 400, 9), (8, 8, 500), (40, 80, 9)][int(rng.integers(4))]
    h, w, channels = (int(v) for v in rng.integers((1, 1, 1), limits))
    if limits[0] == limits[1]:
        w = h
    return (h, w, channels) if rng.random() < 0.5 else (w, h, channels)


def build(rng: np.random.Generator) -> bytes:
    """A model of one to four layers."""
    model = RandomShapes(rng)
    model.window()
    for _ in range(int(rng.integers(4))):
        model.grow()
    if rng.random() < 0.2 and np.prod(model.shape) <= MOST_DEPTH:
        model.flatten()
        model.dense(int(rng.integers(1, 200)))
    return model.finish()
