"""A small MobileNetV2 (Sandler et al., arXiv:1801.04381) for Fashion-MNIST: 28 x 28, ten classes."""

from __future__ import annotations

import torch
from torch import nn

STEM, HEAD = 16, 128
BLOCKS = ((1, 16, 1), (4, 24, 2), (4, 24, 1), (4, 40, 2), (4, 40, 1), (4, 64, 1))
"""(expansion, channels, stride) of each inverted residual."""


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True
) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), *([nn.ReLU6()] if active else [])]


class InvertedResidual(nn.Module):
    """1x1 up, 3x3 depthwise, 1x1 down without an activation; a shortcut where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.body = nn.Sequential(
            *(_conv(inputs, wide, 1) if expansion > 1 else []),
            *_conv(wide, wide, 3, stride, groups=wide),
            *_conv(wide, outputs, 1, active=False),
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.shortcut else self.body(x)


def mobilenet(classes: int = 10) -> nn.Sequential:
    """[n, 1, 28, 28], 0 to 1, to logits [n, classes]."""
    channels, blocks = STEM, []
    for expansion, outputs, stride in BLOCKS:
        blocks.append(InvertedResidual(channels, outputs, stride, expansion))
        channels = outputs
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(HEAD, classes)]
    return nn.Sequential(*_conv(1, STEM, 3, 2), *blocks, *_conv(channels, HEAD, 1), *end)
