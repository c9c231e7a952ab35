"""The MobileNetV2 of Fashion-MNIST: trained in floats, quantised, with and without quantisation-aware training, and
with plain and trained terms at equal budgets. `python -m edge_tr.reproduction.mobilenets FOLDER` writes model and data.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.operators import DepthwiseParams, dots
from edge_tr.reproduction.fashion import fashion
from edge_tr.reproduction.mobilenet import mobilenet
from edge_tr.tr.reveal import reveal
from edge_tr.training import export, prepare, train
from edge_tr.training.loop import Progress, optimise, quiet, seeded
from edge_tr.tuning.quality import accuracy

MODEL = "fashion_mobilenet_int8"
GROUP, BUDGETS = 8, (6, 8, 12)
BATCH, RATE, DECAY = 128, 4e-3, 1e-3
"""Of the training in floats: one epoch, half of the images mirrored."""
FURTHER, FURTHER_BATCH, FURTHER_RATE = 6400, 64, 1e-3
"""Images that quantisation-aware and multi-resolution training see, each once."""
RANGES, CALIBRATION, TEST = 512, 500, 2000
TITLE = "MobileNetV2, Fashion-MNIST"
NOTE = f"""\
Accuracy in % on the first {TEST:,} test images, golden's on the exported .tflite, with every term and with at most k
terms in each {GROUP} weights of every layer, depthwise ones too. The network ({{weights:,}} weights, 28 x 28 images)
was trained here for one epoch of the 60,000 images, about a minute of a core: its level, {{accuracy:.2f}} in floats, is
what that gives. **plain**: quantised after training. **quantisation-aware**: {FURTHER:,} images more, every term.
**trained**: as many images, all these k together, one set of weights.
"""


def images(part: str, count: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """float32 [n, 1, 28, 28] from 0 to 1, and int64 [n] labels."""
    pictures, labels = (of[:count] for of in fashion(part))
    return torch.from_numpy(pictures[:, None].astype(np.float32) / 255), torch.from_numpy(labels.astype(np.int64))


def float_network(work: Path, progress: Progress = quiet) -> torch.nn.Module:
    """Trained, or as far as `work` has it and on from there."""
    torch.manual_seed(0)
    network, (x, y) = mobilenet(), images("train")
    steps = -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.randperm(len(x), generator=seeded(0, -1)).split(BATCH)

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        batch = x[order[step]]
        mirrored = torch.rand(len(batch), generator=generator) < 0.5
        batch = torch.where(mirrored[:, None, None, None], batch.flip(3), batch)
        return cross_entropy(network(batch), y[order[step]])

    optimise(network, optimizer, schedule, loss, steps, kept=work / "fashion-mobilenet.pt", progress=progress)
    return network


def quantised(network: torch.nn.Module) -> bytes:
    """The int8 file, every term, without further training."""
    return export(prepare(network, images("train", RANGES)[0], group=GROUP))


def trained(network: torch.nn.Module, budgets: Sequence[int | None], kept: Path, progress: Progress = quiet) -> bytes:
    """The int8 file after training for these budgets together; (None,): quantisation-aware training alone."""
    x, y = images("train", FURTHER)
    revealed = prepare(copy.deepcopy(network), x[:RANGES], group=GROUP)
    options = {"epochs": 1, "batch": FURTHER_BATCH, "rate": FURTHER_RATE}
    train(revealed, x, y, budgets=budgets, kept=kept, progress=progress, **options)
    return export(revealed)


def section(work: Path) -> str:
    """The section of the report."""
    network = float_network(work)
    files = {
        "plain": quantised(network),
        "quantisation-aware": trained(network, (None,), work / "mobilenet-qat.pt"),
        "trained": trained(network, BUDGETS, work / "mobilenet-multi.pt"),
    }
    x, y = images("t10k", TEST)
    with torch.no_grad():
        right = 100 * float((network(x).argmax(dim=1) == y).float().mean())
    rows = [(name, accuracies(data)) for name, data in files.items()]
    rows.append(("plain, depthwise layers whole", accuracies(files["plain"], whole=True)))
    heads = ["every term", *(f"k={k}" for k in BUDGETS)]
    lines = [
        f"## {TITLE}\n",
        NOTE.format(accuracy=right, weights=sum(op.record.weights.size for op in dots(parse(files["plain"])))),
        f"| weights | {' | '.join(heads)} |",
        "|---|" + "---|" * len(heads),
        *(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |" for name, figures in rows),
    ]
    return "\n".join(lines) + "\n"


def accuracies(data: bytes, whole: bool = False) -> list[float]:
    """% of TEST test images by golden: with every term, then with each of BUDGETS; `whole`: not of depthwise layers."""
    graph, (pictures, labels) = parse(data), fashion("t10k")
    q = _quantised(pictures[:TEST])
    found = []
    for most in (None, *BUDGETS):
        weights = {}
        for op in dots(graph):
            kept = None if whole and isinstance(op.record, DepthwiseParams) else most
            weights[op.index] = reveal(op.record.weights, GROUP, kept).values
        found.append(accuracy(run(graph, q, weights=weights).output, labels[:TEST]))
    return found


def _quantised(pictures: np.ndarray) -> np.ndarray:
    """int8 [n, 28, 28, 1] of uint8 [n, 28, 28]: the model's input, whose scale is 1/255 and zero point -128."""
    return (pictures[..., None].astype(np.int16) - 128).astype(np.int8)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; writes the model and labelled data for calibration and test."""
    folder = Path((sys.argv[1:] if argv is None else argv)[0])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{MODEL}.tflite").write_bytes(quantised(float_network(folder)))
    for name, part, count in (("calibration", "train", CALIBRATION), ("test", "t10k", TEST)):
        pictures, labels = (of[-count:] for of in fashion(part))
        np.savez_compressed(folder / f"fashion_{name}_{count}.npz", x=_quantised(pictures), y=labels.astype(np.int64))
    return 0


if __name__ == "__main__":
    sys.exit(main())
