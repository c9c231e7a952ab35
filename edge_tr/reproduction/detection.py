"""The detector's loss, YOLOv5's, and its training in floats, on scenes that are drawn anew for every step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_tr.reproduction.boxes import ANCHORS, CLASSES, FIELDS, SIZES, STRIDES
from edge_tr.reproduction.scenes import Scenes, scenes
from edge_tr.training.loop import Progress, optimise, quiet
from edge_tr.training.train import Objective

BALANCE = (4.0, 1.0, 0.4)
"""Weights of the heads' objectness."""
BOX, OBJECT, CLASS = 0.05, 0.3, 0.2
MOST_RATIO, NEAR = 4.0, 0.5
"""Between a true box and an anchor that stands for it; how near a cell's edge the cell beyond it stands for it too."""
BATCH, RATE, DECAY, CLIP, SEED = 32, 2e-3, 1e-3, 10.0, 1
STEPS, WARM_UP, COSINE, COOLED_FROM, COOLED_OVER = 750, 100, 1500, 700, 100


def images_of(images: np.ndarray) -> torch.Tensor:
    """float32 [n, 1, h, w] from 0 to 1 of uint8 [n, h, w]."""
    return torch.from_numpy(images[:, None].astype(np.float32) / 255)


def loss(heads: Sequence[torch.Tensor], truth: Scenes) -> torch.Tensor:
    """Of a batch: boxes by CIoU, objectness by the overlap that a box has, classes."""
    sample = np.repeat(np.arange(len(truth.boxes)), [len(boxes) for boxes in truth.boxes])
    boxes = torch.from_numpy(np.concatenate([b.reshape(-1, 4) for b in truth.boxes]))
    classes = torch.from_numpy(np.concatenate(truth.classes))
    total = torch.zeros(())
    for head, stride, anchors, balance in zip(heads, STRIDES, SIZES, BALANCE):
        samples, _, height, width = head.shape
        fields = head.reshape(samples, ANCHORS, FIELDS, height, width).permute(0, 1, 3, 4, 2)
        target = torch.zeros(fields.shape[:-1])
        places, which = _assigned(boxes / stride, torch.from_numpy(sample), anchors / stride, (height, width))
        if len(which):
            n, a, y, x = places
            mine = fields[n, a, y, x]
            cells, sizes = torch.stack([x, y], 1), torch.from_numpy(anchors / stride).float()[a]
            overlap = _ciou(_boxes(mine[:, :4].sigmoid(), cells, sizes), boxes[which] / stride)
            wanted = nn.functional.one_hot(classes[which], CLASSES).float()
            total = total + BOX * (1 - overlap).mean() + CLASS * _bce(mine[:, 5:], wanted)
            target[n, a, y, x] = overlap.detach().clamp(min=0)
        total = total + OBJECT * balance * _bce(fields[..., 4], target)
    return total * len(heads[0])


def taught(heads: Sequence[torch.Tensor], largest: Sequence[torch.Tensor], truth: Scenes) -> torch.Tensor:
    """Of a smaller budget's heads against the largest budget's: objectness everywhere, boxes and classes where the
    largest sees an object."""
    total = torch.zeros(())
    for head, wanted, balance in zip(heads, largest, BALANCE):
        samples, _, height, width = head.shape
        mine, other = (h.reshape(samples, ANCHORS, FIELDS, height, width).sigmoid() for h in (head, wanted))
        seen = other[:, :, 4:5] / other[:, :, 4:5].sum().clamp(min=1e-6)
        squares = (mine - other) ** 2
        total = total + OBJECT * balance * nn.functional.binary_cross_entropy(mine[:, :, 4], other[:, :, 4])
        total = total + ((squares[:, :, :4] + squares[:, :, 5:].mean(2, keepdim=True)) * seen).sum()
    return total * len(heads[0])


DETECTION = Objective(loss, taught)


def _bce(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, targets)


def _boxes(t: torch.Tensor, cells: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    centre, half = 2 * t[:, :2] - 0.5 + cells, 2 * t[:, 2:] ** 2 * sizes
    return torch.cat([centre - half, centre + half], 1)


def _assigned(
    boxes: torch.Tensor, sample: torch.Tensor, anchors: np.ndarray, size: tuple[int, int]
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """((sample, anchor, y, x), box) of all that learn a true box, boxes in cells: the cell of its centre and the two
    nearest beside it, with every anchor of about its size."""
    centre, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    limits = torch.tensor([size[1], size[0]])
    offsets = torch.tensor([[0.0, 0], [NEAR, 0], [0, NEAR], [-NEAR, 0], [0, -NEAR]])
    cells = (centre[:, None] - offsets).floor().long()  # [m, 5, 2]
    new = torch.cat([torch.ones(len(boxes), 1, dtype=torch.bool), (cells[:, 1:] != cells[:, :1]).any(2)], 1)
    inside = new & ((cells >= 0) & (cells < limits)).all(2)
    ratio = extent[:, None] / torch.from_numpy(anchors).float()
    fits = torch.maximum(ratio, 1 / ratio).amax(2) < MOST_RATIO  # [m, anchors]
    box, cell, anchor = (inside[:, :, None] & fits[:, None]).nonzero(as_tuple=True)
    x, y = cells[box, cell].unbind(1)
    return (sample[box], anchor, y, x), box


def _ciou(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Complete IoU (Zheng et al., arXiv:1911.08287) of boxes [m, 4], row by row."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    first, second = (boxes[:, 2:] - boxes[:, :2] for boxes in (one, other))
    overlap = both / (first.prod(1) + second.prod(1) - both + 1e-7)
    hull = torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])
    apart = ((one[:, :2] + one[:, 2:] - other[:, :2] - other[:, 2:]) ** 2).sum(1) / 4
    angles = [torch.atan(extent[:, 0] / (extent[:, 1] + 1e-7)) for extent in (first, second)]
    shape = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    weight = (shape / (1 - overlap + shape + 1e-7)).detach()
    return overlap - apart / ((hull**2).sum(1) + 1e-7) - weight * shape


def trained(
    network: nn.Module, objects: tuple[np.ndarray, np.ndarray], kept: Path, progress: Progress = quiet
) -> nn.Module:
    """Train in floats, in place: AdamW on scenes of `objects`. What is in `kept` goes on, or is done."""
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _share)

    def of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        drawn = scenes(objects, BATCH, [SEED, step])
        return loss(network(images_of(drawn.images)), drawn)

    optimise(network, optimizer, schedule, of_step, STEPS, clip=CLIP, kept=kept, progress=progress)
    return network


def _share(step: int) -> float:
    """Of the rate: it warms up, follows the begin of a cosine, and is halved towards the last step."""
    cosine = (1 + math.cos(math.pi * step / COSINE)) / 2
    return min(1.0, (step + 1) / WARM_UP) * cosine * min(1.0, 1 - (step - COOLED_FROM) / COOLED_OVER)
