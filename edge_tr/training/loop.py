"""The loop around an optimiser. Every step draws from a seed of its own, so a training that was stopped goes on as if
it had not been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

Progress = Callable[[str, int, int, str], None]
"""Called as progress(what, done, total, unit)."""
KEPT_EVERY = 10
"""Steps between two checkpoints."""
LARGEST_STEP = 2**31


def quiet(what: str, done: int, total: int, unit: str) -> None:
    """No progress."""


def optimise(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    loss: Callable[[int, torch.Generator], torch.Tensor],
    steps: int,
    *,
    seed: int = 0,
    clip: float | None = None,
    kept: Path | None = None,
    progress: Progress = quiet,
) -> None:
    """Train `network` in place; it ends in evaluation mode.

    loss  of a step, with the generator that this step draws from; Dropout draws from torch's own, seeded alike
    clip  the largest norm of a step's gradient
    kept  a file for the state: where it exists already, training goes on from it, or is done

    Same seed, same machine and number of threads: same weights.
    """
    parts = {"network": network, "optimizer": optimizer, "schedule": schedule}
    network.train()
    for step in range(_restored(parts, kept), steps):
        generator = seeded(seed, step)
        torch.manual_seed(generator.initial_seed())
        optimizer.zero_grad()
        loss(step, generator).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        schedule.step()
        if kept is not None and ((step + 1) % KEPT_EVERY == 0 or step + 1 == steps):
            _keep(kept, {name: part.state_dict() for name, part in parts.items()} | {"done": step + 1})
        progress("training", step + 1, steps, "step")
    network.eval()


def seeded(seed: int, step: int) -> torch.Generator:
    """A generator for each step, and for what comes before the first (-1, ...)."""
    words = np.random.SeedSequence([seed, step + LARGEST_STEP]).generate_state(1)
    return torch.Generator().manual_seed(int(words[0]))


def _restored(parts: dict[str, nn.Module], kept: Path | None) -> int:
    """Steps that are done."""
    if kept is None or not kept.exists():
        return 0
    state = torch.load(kept, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["done"]


def _keep(path: Path, state: dict[str, object]) -> None:
    """The whole file or none."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
