"""A small word-level LSTM language model on the text of WikiText-2, trained here in minutes (seeded, PyTorch).

The training split is not here: the validation split's text trains (its last tenth left out, for ranges and
calibration), the test split's text tests. Words beyond the VOCABULARY - 1 most frequent are one word, <unk>.
"""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_tr.reproduction.lstm import Ranges, Recurrent, write

VOCABULARY, FEATURES, HIDDEN = 2000, 96, 128
UNKNOWN, END = "<unk>", "<eos>"
EPOCHS, BATCH, STEPS, RATE, DROPOUT, CLIP, DECAY = 12, 20, 35, 4e-3, 0.35, 0.25, 1e-5
HELD_OUT = 0.1
"""Of the training text: for ranges and calibration."""
MODEL_STEPS = 20
"""Words that one run of the .tflite takes."""


@dataclass(frozen=True)
class LanguageModel:
    """An int8 model of words.

    data        the .tflite file, int8 [1, MODEL_STEPS, FEATURES] to logits [1, MODEL_STEPS, VOCABULARY]
    embedding   int8 [VOCABULARY, FEATURES], the model's input for each word
    calibration, test  int64 words, in order
    perplexity  of the float model on the test words that `windows` takes
    """

    data: bytes
    embedding: np.ndarray
    calibration: np.ndarray
    test: np.ndarray
    perplexity: float


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, FEATURES)
        self.lstm = nn.LSTM(FEATURES, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, VOCABULARY)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, words: torch.Tensor, state=None):
        hidden, state = self.lstm(self.dropout(self.embedding(words)), state)
        return self.out(self.dropout(hidden)), state


def windows(words: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(words, the words that follow them), int64 [n, MODEL_STEPS] each, of the first `count` words."""
    count -= count % MODEL_STEPS
    return words[:count].reshape(-1, MODEL_STEPS), words[1 : count + 1].reshape(-1, MODEL_STEPS)


def language_model(shared: Path, work: Path, test_words: int) -> LanguageModel:
    """Train, or take what an earlier run left in `work`, and quantise."""
    train_text, test_text = (_read(shared / "data" / f"wikitext2_{name}.txt.gz") for name in ("valid", "test"))
    words = [word for word, _ in Counter(train_text).most_common(VOCABULARY - 1) if word != UNKNOWN]
    numbers = {word: i + 1 for i, word in enumerate(words)}  # 0 is <unk>
    train_words, test = (np.array([numbers.get(w, 0) for w in text]) for text in (train_text, test_text))
    split = int(len(train_words) * (1 - HELD_OUT))
    network = _trained(train_words[:split], work / "wikitext2-lstm.pt")
    embedding, recurrent = _arrays(network)
    with torch.no_grad():
        ranges = _ranges(network, embedding, train_words[split:])
        perplexity = _perplexity(network, test, test_words)
    steps = np.rint(embedding / (ranges.features / 127)).astype(np.int8)
    return LanguageModel(write(recurrent, ranges, MODEL_STEPS), steps, train_words[split:], test, perplexity)


def _read(path: Path) -> list[str]:
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    return [word for line in lines if line.strip() for word in [*line.split(), END]]


def _trained(words: np.ndarray, kept: Path) -> _Network:
    torch.manual_seed(0)
    network = _Network()
    if kept.exists():
        network.load_state_dict(torch.load(kept, weights_only=True))
        return network.eval()
    rows = torch.from_numpy(words[: len(words) // BATCH * BATCH]).reshape(BATCH, -1)
    optimizer = torch.optim.Adam(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        state = None
        for first in range(0, rows.shape[1] - 1, STEPS):
            x = rows[:, first : min(first + STEPS, rows.shape[1] - 1)]
            y = rows[:, first + 1 : first + 1 + x.shape[1]]
            logits, state = network(x, state)
            state = tuple(s.detach() for s in state)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
        schedule.step()
    torch.save(network.state_dict(), kept)
    return network.eval()


def _arrays(network: _Network) -> tuple[np.ndarray, Recurrent]:
    state = {name: value.numpy().astype(np.float64) for name, value in network.state_dict().items()}
    recurrent = Recurrent(
        state["lstm.weight_ih_l0"],
        state["lstm.weight_hh_l0"],
        state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"],
        state["out.weight"],
        state["out.bias"],
    )
    return state["embedding.weight"], recurrent


def _ranges(network: _Network, embedding: np.ndarray, words: np.ndarray) -> Ranges:
    """What the float model reaches on a text."""
    state, cells, hiddens, logits = None, [], [], []
    for word in torch.from_numpy(words[:4000]).split(1):
        values, state = network(word[None], state)
        hiddens.append(state[0].flatten())
        cells.append(state[1].flatten())
        logits.append(values.flatten())
    hidden, logit = torch.stack(hiddens), torch.stack(logits)
    return Ranges(
        features=float(np.abs(embedding).max()),
        cells=float(torch.stack(cells).abs().max()),
        hidden=(float(hidden.min()), float(hidden.max())),
        logits=(float(logit.min()), float(logit.max())),
    )


def _perplexity(network: _Network, words: np.ndarray, count: int) -> float:
    x, y = windows(words, count)
    logits, _ = network(torch.from_numpy(x).reshape(1, -1))
    return float(nn.functional.cross_entropy(logits[0], torch.from_numpy(y).flatten()).exp())
