"""Multi-resolution training: one set of weights for several budgets.

In every step the largest budget learns the labels, and a smaller one, drawn at random, learns from the largest
budget's outputs (as in Kung, McDanel, Zhang, "Training for Multi-resolution Inference Using Reusable Quantization
Terms", ASPLOS 2021). The same weights then serve every budget: the smaller ones keep a part of the larger ones' terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from edge_tr.errors import UsageError
from edge_tr.training.loop import Progress, optimise, quiet, seeded
from edge_tr.training.network import RevealedNetwork

Draw = Callable[[int, torch.Generator], tuple[torch.Tensor, Any]]
"""(inputs, targets) of a step."""


@dataclass(frozen=True)
class Objective:
    """labels: the loss of outputs against targets, for the largest budget; teacher: of outputs against the largest
    budget's outputs (detached) and targets, for the others."""

    labels: Callable[[Any, Any], torch.Tensor]
    teacher: Callable[[Any, Any, Any], torch.Tensor]


CLASSES = Objective(cross_entropy, lambda outputs, largest, targets: cross_entropy(outputs, largest.softmax(dim=1)))


def train(
    network: RevealedNetwork,
    x: torch.Tensor,
    y: torch.Tensor | torch.nn.Module,
    *,
    budgets: Sequence[int | None],
    epochs: int,
    batch: int = 50,
    rate: float = 1e-3,
    seed: int = 0,
    augment: Callable[[torch.Tensor, torch.Generator], torch.Tensor] = lambda x, generator: x,
    kept: Path | None = None,
    progress: Progress = quiet,
) -> None:
    """Train a classifier in place; it ends with the smallest budget set.

    x        float32 [n, ...]
    y        int64 [n] labels, or a teacher: a network that gives logits [n, classes] for (augmented) inputs
    budgets  k of each resolution, the smallest first; one alone learns from the labels only. None: every term
    rate     of Adam at the start; it falls to 0 as a cosine
    augment  changes a batch of inputs, with a generator to draw from
    kept     a file for the state, from which training goes on

    Same seed, same machine and number of threads: same weights.
    """
    fits = isinstance(y, torch.nn.Module) or len(x) == len(y)
    if not fits or not budgets or epochs < 1 or batch < 1:
        raise UsageError(
            "training needs a budget, a label for each sample, at least one epoch, and at least one sample in a batch"
        )
    in_epoch = -(-len(x) // batch)

    def draw(step: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, position = divmod(step, in_epoch)
        chosen = torch.randperm(len(x), generator=seeded(seed, -1 - epoch)).split(batch)[position]
        inputs = augment(x[chosen], generator)
        return inputs, y[chosen] if isinstance(y, torch.Tensor) else _taught(y, inputs)

    resolve(
        network,
        draw,
        CLASSES,
        budgets=budgets,
        steps=epochs * in_epoch,
        rate=rate,
        seed=seed,
        kept=kept,
        progress=progress,
    )


def resolve(
    network: RevealedNetwork,
    draw: Draw,
    objective: Objective,
    *,
    budgets: Sequence[int | None],
    steps: int,
    rate: float = 1e-3,
    seed: int = 0,
    clip: float | None = None,
    kept: Path | None = None,
    progress: Progress = quiet,
) -> None:
    """`train` for any objective, with batches that `draw` makes."""
    optimizer = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        inputs, targets = draw(step, generator)
        return _loss(network, inputs, targets, objective, budgets, generator)

    optimise(network, optimizer, schedule, loss, steps, seed=seed, clip=clip, kept=kept, progress=progress)
    network.set_budget(budgets[0])


@torch.no_grad()
def _taught(teacher: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """float32 [n, classes], the teacher's probabilities."""
    return teacher(x).softmax(dim=1)


def _loss(
    network: RevealedNetwork,
    inputs: torch.Tensor,
    targets: Any,
    objective: Objective,
    budgets: Sequence[int | None],
    generator: torch.Generator,
) -> torch.Tensor:
    network.set_budget(budgets[-1])
    largest = network(inputs)
    loss = objective.labels(largest, targets)
    if len(budgets) > 1:
        drawn = int(torch.randint(len(budgets) - 1, (), generator=generator))
        network.set_budget(budgets[drawn])
        fixed = largest.detach() if network.single else tuple(head.detach() for head in largest)
        loss = loss + objective.teacher(network(inputs), fixed, targets)
    return loss
