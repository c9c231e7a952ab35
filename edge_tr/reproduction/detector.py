"""The detector: trained in floats, quantised, and its mAP with plain, calibrated and trained terms at equal budgets."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from edge_tr.golden.ends import real
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.reproduction import detection
from edge_tr.reproduction.boxes import map_50
from edge_tr.reproduction.fashion import fashion
from edge_tr.reproduction.scenes import Scenes, scenes
from edge_tr.reproduction.yolo import Detector
from edge_tr.tr.reveal import reveal
from edge_tr.training import export, prepare
from edge_tr.training.loop import Progress
from edge_tr.training.train import resolve
from edge_tr.tuning.points import Settings
from edge_tr.tuning.tuning import goal_of, tune
from edge_tr.tuning.workers import Workers

GROUP = 8
BUDGETS = (4, 6, 8)
STEPS, BATCH, RATE = 120, 16, 1e-3
TEST, CALIBRATION = 400, 100
SEEDS = {"test": [2], "calibration": [3], "training": 4}
MOST_OBJECTS = 8


def float_network(work: Path, progress: Progress) -> Detector:
    """Trained, or as far as `work` has it and on from there."""
    torch.manual_seed(0)
    return detection.trained(Detector(), fashion("train"), work / "detector-float.pt", progress)


def calibration() -> Scenes:
    """Of the training objects: for ranges and for calibration."""
    return scenes(fashion("train"), CALIBRATION, SEEDS["calibration"])


def quantised(network: Detector) -> bytes:
    """The int8 file, every term."""
    return export(prepare(network, detection.images_of(calibration().images), group=GROUP))


def trained(network: Detector, work: Path, progress: Progress) -> bytes:
    """The int8 file after training for all BUDGETS together."""
    revealed = prepare(copy.deepcopy(network), detection.images_of(calibration().images), group=GROUP)
    objects = fashion("train")

    def draw(step: int, generator: torch.Generator) -> tuple[torch.Tensor, Scenes]:
        drawn = scenes(objects, BATCH, [SEEDS["training"], step])
        return detection.images_of(drawn.images), drawn

    resolve(
        revealed,
        draw,
        detection.DETECTION,
        budgets=BUDGETS,
        steps=STEPS,
        rate=RATE,
        clip=detection.CLIP,
        kept=work / "detector-trained.pt",
        progress=progress,
    )
    return export(revealed)
