"""A small detector of YOLOv5's kind in PyTorch: Conv-BN-SiLU, C3 blocks, SPPF, a PAN neck, three heads.

The architecture and the loss are those of YOLOv5 6.0 (G. Jocher and others), in widths for 96 x 96 grey images; written
anew from their descriptions. Heads give [n, ANCHORS * (5 + CLASSES), h, w], at strides 8, 16 and 32: for each anchor x,
y, w, h, objectness and the classes, before the sigmoid.
"""

from __future__ import annotations

import torch
from torch import nn

from edge_tr.reproduction.boxes import ANCHORS, FIELDS

WIDTHS = (16, 24, 48, 96, 160)
"""Channels at strides 2, 4, 8, 16, 32."""
PRIOR = 4.6
"""-log odds of an object at the start: one anchor in a hundred."""


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Conv-BN-SiLU, padded to SAME for odd kernels."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
        nn.SiLU(),
    )


class Bottleneck(nn.Module):
    """1x1 and 3x3; with a shortcut or without."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.body, self.shortcut = nn.Sequential(conv(channels, channels), conv(channels, channels, 3)), shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


class C3(nn.Module):
    """Three convolutions and a bottleneck: half of the channels go past it (a cross-stage partial block)."""

    def __init__(self, inputs: int, outputs: int, shortcut: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.through = nn.Sequential(conv(inputs, half), Bottleneck(half, shortcut))
        self.past, self.out = conv(inputs, half), conv(outputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([self.through(x), self.past(x)], 1))


class Pyramid(nn.Module):
    """SPPF: maxima over 5, 9 and 13 pixels, by one pool three times."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow, self.out = conv(channels, channels // 2), conv(channels * 2, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.narrow(x)
        once = self.pool(x)
        twice = self.pool(once)
        return self.out(torch.cat([x, once, twice, self.pool(twice)], 1))


class Detector(nn.Module):
    """[n, 1, SIDE, SIDE] to three heads, the finest first."""

    def __init__(self, widths: tuple[int, int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        first, second, fine, middle, coarse = widths
        self.stem = nn.Sequential(conv(1, first, 3, 2), conv(first, second, 3, 2), C3(second, second))
        self.fine = nn.Sequential(conv(second, fine, 3, 2), C3(fine, fine))
        self.middle = nn.Sequential(conv(fine, middle, 3, 2), C3(middle, middle))
        self.coarse = nn.Sequential(conv(middle, coarse, 3, 2), C3(coarse, coarse), Pyramid(coarse))
        self.up = nn.Upsample(scale_factor=2)
        self.lateral_middle, self.top_down_middle = conv(coarse, middle), C3(2 * middle, middle, False)
        self.lateral_fine, self.top_down_fine = conv(middle, fine), C3(2 * fine, fine, False)
        self.down_middle, self.bottom_up_middle = conv(fine, fine, 3, 2), C3(2 * fine, middle, False)
        self.down_coarse, self.bottom_up_coarse = conv(middle, middle, 3, 2), C3(2 * middle, coarse, False)
        self.heads = nn.ModuleList(nn.Conv2d(width, ANCHORS * FIELDS, 1) for width in widths[2:])
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
            head.bias.data.view(ANCHORS, FIELDS)[:, 4:] -= PRIOR

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        fine = self.fine(self.stem(x))
        middle = self.middle(fine)
        top = self.lateral_middle(self.coarse(middle))
        lateral = self.lateral_fine(self.top_down_middle(torch.cat([self.up(top), middle], 1)))
        fine = self.top_down_fine(torch.cat([self.up(lateral), fine], 1))
        middle = self.bottom_up_middle(torch.cat([self.down_middle(fine), lateral], 1))
        coarse = self.bottom_up_coarse(torch.cat([self.down_coarse(middle), top], 1))
        return self.heads[0](fine), self.heads[1](middle), self.heads[2](coarse)
