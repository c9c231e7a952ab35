"""Multi-resolution training: one set of weights for several budgets.

In every step the largest budget learns the labels, and a smaller one, drawn at random, learns from the largest
budget's outputs (as in Kung, McDanel, Zhang, "Training for Multi-resolution Inference Using Reusable Quantization
Terms", ASPLOS 2021). The same weights then serve every budget: the smaller ones keep a part of the larger ones' terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from edge_tr.errors import UsageError
from edge_tr.training.network import RevealedNetwork

Progress = Callable[[str, int, int, str], None]
"""Called as progress(what, done, total, unit)."""


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
    progress: Progress = lambda what, done, total, unit: None,
) -> None:
    """Train `network` in place; it ends with the smallest budget set.

    x        float32 [n, ...]
    y        int64 [n] labels, or a teacher: a network that gives logits [n, classes] for (augmented) inputs
    budgets  k of each resolution, the smallest first; one alone learns from the labels only. None: every term
    rate     of Adam at the start; it falls to 0 as a cosine
    augment  changes a batch of inputs, with a generator to draw from

    Same seed, same machine and number of threads: same weights.
    """
    fits = isinstance(y, torch.nn.Module) or len(x) == len(y)
    if not fits or not budgets or epochs < 1 or batch < 1:
        raise UsageError("training needs a budget, a label for each sample, an epoch and a sample a batch at least")
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # Dropout draws from here
    optimizer = torch.optim.Adam(network.parameters(), rate)
    steps = epochs * -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    done = 0
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            inputs = augment(x[chosen], generator)
            targets = y[chosen] if isinstance(y, torch.Tensor) else _taught(y, inputs)
            _loss(network, inputs, targets, budgets, generator).backward()
            optimizer.step()
            schedule.step()
            done += 1
            progress("training", done, steps, "step")
    network.eval()
    network.set_budget(budgets[0])


@torch.no_grad()
def _taught(teacher: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """float32 [n, classes], the teacher's probabilities."""
    return teacher(x).softmax(dim=1)


def _loss(
    network: RevealedNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    budgets: Sequence[int | None],
    generator: torch.Generator,
) -> torch.Tensor:
    network.set_budget(budgets[-1])
    largest = network(x)
    loss = torch.nn.functional.cross_entropy(largest, y)
    if len(budgets) > 1:
        drawn = int(torch.randint(len(budgets) - 1, (), generator=generator))
        network.set_budget(budgets[drawn])
        loss = loss + torch.nn.functional.cross_entropy(network(x), largest.detach().softmax(dim=1))
    return loss
