"""Images with pixels around them in front of windows, as converters write what TFLite's paddings cannot say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.firmware.harness_models import Network

LEAST = -128
EDGES = ("above", "below", "left", "right")


class Padded(Network):
    """A chain of PADs and windows; `folds` counts those that windows can do, `stays` the others."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
        super().__init__(rng, shape)
        self.folds = self.stays = 0

    def around(self, edges: Sequence[int], value: int | None = None) -> None:
        """PAD by (above, below, left, right) pixels, PADV2 with a `value`."""
        above, below, left, right = (int(edge) for edge in edges)
        h, w, c = self.shape
        inputs = [self.x, self.model.constant(np.array([[0, 0], [above, below], [left, right], [0, 0]], np.int32))]
        if value is not None:
            inputs.append(self.model.constant(np.array([value], np.int8), [self.scale], [self.zero]))
        shape = (above + h + below, left + w + right, c)
        self._move("PAD" if value is None else "PADV2", inputs, shape, self.scale, self.zero, version=2)

    def drawn_edges(self, extent: Sequence[int]) -> list[int]:
        """Fewer pixels than a window has, on each side."""
        return [int(self.rng.integers(0, reach)) for reach in (extent[0], extent[0], extent[1], extent[1])]

    def window(self, kind: str, kernel: tuple[int, int], stride: int, dilation: int, padding: str) -> None:
        """CONV_2D of four channels, DEPTHWISE_CONV_2D or a pool."""
        h, w, c = self.shape
        extent = [(k - 1) * dilation + 1 for k in kernel]
        out = [-(-n // stride) if padding == "SAME" else (n - e) // stride + 1 for n, e in zip((h, w), extent)]
        options = dict(padding=padding, stride_h=stride, stride_w=stride, fused_activation_function="NONE")
        if kind.endswith("POOL_2D"):
            options |= dict(filter_height=kernel[0], filter_width=kernel[1])
            self._move(kind, [self.x], (*out, c), self.scale, self.zero, version=2, **options)
            return
        options |= dict(dilation_h_factor=dilation, dilation_w_factor=dilation)
        if kind == "CONV_2D":
            self._dot(kind, (4, *kernel, c), 0, (*out, 4), **options)
        else:
            self._dot(kind, (1, *kernel, c), 3, (*out, c), depth_multiplier=1, **options)

    def padded(self, kind: str, kernel: tuple[int, int], stride: int = 1, dilation: int = 1) -> None:
        """A window behind a PAD of the value that it counts outside."""
        value = LEAST if kind == "MAX_POOL_2D" else None
        reach = [(k - 1) * dilation + 1 for k in kernel]
        fits = all(n >= extent for n, extent in zip(self.shape, reach))
        padding = "VALID" if fits and self.rng.random() < 0.5 else "SAME"  # which adds half a window at most
        edges = self.drawn_edges(reach if padding == "VALID" else [(extent + 1) // 2 for extent in reach])
        self.around(edges, value)
        self.window(kind, kernel, stride, dilation, padding)
        self.folds += 1


def padded(rng: np.random.Generator) -> Padded:
    """Every kind of window, dense or not, behind PADs that it can do, and some that it cannot."""
    net = Padded(rng, (17, 16, 3))
    net.padded("CONV_2D", (3, 3), stride=2)
    net.padded("DEPTHWISE_CONV_2D", (3, 3))
    net.padded("MAX_POOL_2D", (3, 2))
    net.padded("DEPTHWISE_CONV_2D", (3, 3), stride=2)
    net.padded("CONV_2D", (2, 3), dilation=2)
    net.around((1, 0, 0, 1))  # two, one behind the other
    net.around((1, 2, 1, 0))
    net.window("CONV_2D", (3, 3), 1, 1, "VALID")
    net.folds += 2
    net.around((1, 1, 1, 1))
    net.window("AVERAGE_POOL_2D", (2, 2), 2, 1, "SAME")  # counts what is inside
    net.around((1, 1, 1, 1), 5 if net.zero != 5 else 6)
    net.window("CONV_2D", (3, 3), 2, 1, "SAME")  # another value
    net.around((3, 0, 0, 0))
    net.window("DEPTHWISE_CONV_2D", (3, 3), 1, 1, "SAME")  # a window that is all outside
    net.stays = 3
    return net
