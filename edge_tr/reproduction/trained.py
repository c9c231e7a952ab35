"""Training with revealed terms against selection after training, on the same models, data and budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.golden.samples import read_samples
from edge_tr.ir.tflite import parse, read_file
from edge_tr.operators import dots
from edge_tr.tr.reveal import reveal
from edge_tr.training import export, prepare, restore, train
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.quality import accuracy
from edge_tr.tuning.tuning import tune
from edge_tr.tuning.workers import Workers
from edge_tr.tuning.written import goal_of

GROUP = 8
BUDGETS = (3, 4, 6)
EPOCHS, RATE = 60, 5e-4
NOTE = """\
Accuracy in % with at most k terms in each {group} weights, all layers: the same k in every layer (plain term revealing,
trained), or a k of its own with the same slots per MAC or fewer (calibrated). **Trained**: `edge_tr.training`, one set
of weights for all budgets (k = {budgets} together; the largest teaches the others), {epochs} epochs from the
int8 model's weights, with that model as teacher: no labels. Trained and calibrated on the same samples. Every
figure is golden's on the exported .tflite.
"""

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """A model, what it is trained and calibrated on (the same samples), and what it is tested on."""

    title: str
    model: str
    training: str
    test: str
    augment: Augment


def moved(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images [n, c, h, w], each turned by up to 14 degrees, scaled by up to 15 % and shifted by up to an eighth."""
    angle, scale, *shift = ((torch.rand((4, len(x)), generator=generator) - 0.5) * 2).unbind()
    angle, scale = angle * 0.25, 1 + scale * 0.15
    rows = [
        torch.stack([scale * angle.cos(), -scale * angle.sin(), shift[0] * 0.125], dim=1),
        torch.stack([scale * angle.sin(), scale * angle.cos(), shift[1] * 0.125], dim=1),
    ]
    grid = torch.nn.functional.affine_grid(torch.stack(rows, dim=1), list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, grid, align_corners=False)


SUBJECTS = (
    Subject("digits CNN", "digits_cnn_int8", "digits_train_1437", "digits_test_360", lambda x, generator: x),
    Subject("LeNet-5, MNIST", "mnist_lenet5_int8", "mnist_calibration_500", "mnist_test_2000", moved),
)


def section(shared: Path, work: Path, workers: Workers) -> str:
    """The section of the report."""
    lines = [
        "## Trained with revealed terms\n",
        NOTE.format(group=GROUP, budgets=", ".join(map(str, BUDGETS)), epochs=EPOCHS),
        "| model | weights | " + " | ".join(f"k={k} ({k / GROUP:g} terms/MAC)" for k in BUDGETS) + " |",
        "|---|---|" + "---|" * len(BUDGETS),
    ]
    for subject in SUBJECTS:
        lines += [_row(subject.title, name, figures) for name, figures in _measure(subject, shared, work, workers)]
    return "\n".join(lines) + "\n"


def _row(title: str, name: str, figures: list[float]) -> str:
    return f"| {title} | {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |"


def _measure(subject: Subject, shared: Path, work: Path, workers: Workers) -> list[tuple[str, list[float]]]:
    model = shared / "models" / f"{subject.model}.tflite"
    training, test = (shared / "data" / f"{name}.npz" for name in (subject.training, subject.test))
    data = read_file(model)
    graph = parse(data)
    test_x, labels = read_samples(test, graph)
    calibrated = []
    for most in BUDGETS:
        out = work / f"{subject.model}-trained-k{most}.toml"
        goal = goal_of(max_terms=most / GROUP)
        result = tune(model, training, out, goal, settings=Settings(group=GROUP), data=test, workers=workers)
        calibrated.append(result.chosen.test_accuracy)
    whole = f"int8, every term: {_accuracy(data, None, test_x, labels):.2f}; plain term revealing"
    return [
        (whole, [_accuracy(data, most, test_x, labels) for most in BUDGETS]),
        ("calibrated", calibrated),
        ("trained", _trained(subject, data, read_samples(training, graph)[0].first, test_x, labels)),
    ]


def _trained(subject: Subject, data: bytes, x: np.ndarray, test_x: Samples, labels: np.ndarray) -> list[float]:
    quantization = parse(data).tensor(parse(data).inputs[0]).quantization
    real = (x.astype(np.float32) - int(quantization.zero_point[0])) * quantization.scale[0]
    images = torch.from_numpy(real).permute(0, 3, 1, 2).contiguous()
    network = prepare(restore(data), images, group=GROUP)
    train(network, images, restore(data), budgets=BUDGETS, epochs=EPOCHS, rate=RATE, augment=subject.augment)
    exported = export(network)
    return [_accuracy(exported, most, test_x, labels) for most in BUDGETS]


def _accuracy(data: bytes, most: int | None, x: Samples, labels: np.ndarray) -> float:
    graph = parse(data)
    weights = {op.index: op.record.weights for op in dots(graph)}
    revealed = {index: reveal(w, GROUP, most).values for index, w in weights.items()}
    return accuracy(run(graph, x, weights=revealed).output, labels)
