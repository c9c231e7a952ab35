"""The detector: trained in floats, quantised, and its mAP with every term and with plain term revealing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edge_tr.golden.ends import real
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.reproduction import detection
from edge_tr.reproduction.boxes import detections, mean_average_precision
from edge_tr.reproduction.fashion import fashion
from edge_tr.reproduction.scenes import Scenes, scenes
from edge_tr.reproduction.yolo import Detector
from edge_tr.tr.reveal import reveal
from edge_tr.training import export, prepare
from edge_tr.training.loop import Progress, quiet
from edge_tr.tuning.cost import dot_layers

GROUP = 8
BUDGETS = (6, 8)
TEST, CALIBRATION = 200, 100
SEEDS = {"test": [2], "calibration": [3]}


TITLE = "Detector of YOLOv5's kind, scenes of Fashion-MNIST"
NOTE = f"""\
mAP at IoU 0.5 in % (COCO's, by pycocotools) on {TEST} scenes of test objects, golden's on the exported .tflite, heads
decoded and suppressed on the host: with every term, and with at most k terms in each {GROUP} weights of every layer.
The network (Conv-BN-SiLU, C3, SPPF, PAN neck, three heads; {{weights:,}} weights, {{macs:.1f}} M MACs, 96 x 96 grey
scenes of 2 to 6 objects of 16 to 48 pixels, ten classes) was trained here in floats for {detection.STEPS} steps of
{detection.BATCH} scenes, minutes of a core: its level is what that gives. **plain**: quantised after training.
Training for these budgets is not in this table: a first attempt (50 steps of 8 scenes) made every row worse, and why
has not been found.
"""


def section(work: Path, progress: Progress = quiet) -> str:
    """The section of the report."""
    network = float_network(work, progress)
    plain = quantised(network)
    rows = {"plain": plain}
    graph, heads = parse(plain), ["every term", *(f"k={k} ({k / GROUP:g} terms/MAC)" for k in BUDGETS)]
    truth = scenes(fashion("t10k"), TEST, SEEDS["test"])
    layers = dot_layers(graph)
    lines = [
        f"## {TITLE}\n",
        NOTE.format(
            weights=sum(layer.record.weights.size for layer in layers), macs=sum(of.macs for of in layers) / 1e6
        ),
        f"| weights | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
    ]
    for name, data in rows.items():
        figures = [precision(data, most, truth) for most in (None, *BUDGETS)]
        lines.append(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
    return "\n".join(lines) + "\n"


def precision(data: bytes, most: int | None, truth: Scenes) -> float:
    """mAP at IoU 0.5 in % of a model file with at most `most` terms in each GROUP weights."""
    graph = parse(data)
    weights = {op.index: reveal(op.record.weights, GROUP, most).values for op in dots(graph)}
    outputs = run(graph, _pixels(truth), weights=weights).outputs
    heads = [real(graph.tensor(i), output) for i, output in outputs.items()]
    return 100 * mean_average_precision(detections(heads), truth.boxes, truth.classes)


def labelled(truth: Scenes) -> dict[str, np.ndarray]:
    """Arrays of a data file for `check --metric edge_tr.reproduction.boxes:map_50`."""
    most = max(len(boxes) for boxes in truth.boxes)
    boxes, classes = np.zeros((len(truth.boxes), most, 4), np.float32), np.full((len(truth.boxes), most), -1)
    for i, (mine, of) in enumerate(zip(truth.boxes, truth.classes)):
        boxes[i, : len(mine)], classes[i, : len(of)] = mine, of
    return {"x": _pixels(truth), "boxes": boxes, "kinds": classes}


def _pixels(truth: Scenes) -> np.ndarray:
    """int8 [n, SIDE, SIDE, 1], pixel - 128: the model's input."""
    return (truth.images[..., None].astype(np.int16) - 128).astype(np.int8)


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
