"""LSTMs: a classifier of MNIST's rows and a language model; QT, TR and calibrated weights in the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edge_tr.golden.oracle import Oracle
from edge_tr.graph import Graph
from edge_tr.ir.rewrite import rewrite_weights
from edge_tr.ir.tflite import parse, read_file
from edge_tr.reproduction.accounting import BASELINE_PAIRS, DATA_BITS, Measured, quantised, table
from edge_tr.reproduction.language import VOCABULARY, language_model, windows
from edge_tr.reproduction.lstm import Matrix, matrices
from edge_tr.reproduction.on_board import on_boards
from edge_tr.tr.hese import Encoding, term_count
from edge_tr.tr.reveal import reveal
from edge_tr.tuning.descent import limited
from edge_tr.tuning.moments import damping

GROUP = 8
BUDGETS = (4, 6, 8, 12, 16, 24)
CALIBRATED = (3, 4, 6, 8)
TEST_WORDS, CALIBRATION_WORDS = 20_000, 6_000
PUBLISHED = {
    "int8": "86.83 (4.85e11 pairs)",
    "TR g=8 k=8": "87.42 (6.06e10 pairs)",
    "TR g=8 k=12": "87.10",
    "TR g=8 k=16": "86.98",
    "TR g=8 k=24": "86.87",
}
LANGUAGE_NOTE = """\
Perplexity of an LSTM (96 features, 128 cells, the {words} most frequent words) on the first {test:,} words of
WikiText-2's test text; lower is better. It was trained here, in minutes, on the validation text (the training text is
not here), so its level is not the published model's. Every row is the TFLite interpreter on an int8 .tflite with the
row's weights; the float model has {perplexity:.2f}. **calibrated** chooses the terms of each matrix under the same k
per group by `edge-tr tune`'s descent, with the second moments of what it reads on {calibration:,} words of other text;
no error compensation, no biases.
"""
DIGITS_NOTE = """\
`mnist_lstm32_int8`, 2000 test samples, one row of the image a step, states reset before each sample. Every row is
the interpreter on a .tflite with the row's weights; **calibrated** as for the language model, on mnist_calibration_500.
"""

Choose = Callable[[Matrix], np.ndarray]
"""int8 [rows, K] of a matrix."""
Score = Callable[[bytes], float]
"""Of a model file."""


def sections(shared: Path, work: Path) -> list[str]:
    """The sections of the report."""
    return [_digits(shared), _language(shared, work)]


def _digits(shared: Path) -> str:
    print("LSTM, MNIST", file=sys.stderr, flush=True)
    data = read_file(shared / "models" / "mnist_lstm32_int8.tflite")
    graph = parse(data)
    with np.load(shared / "data" / "mnist_test_2000.npz") as arrays:
        x, y = arrays["x"], arrays["y"]

    def accuracy(model: bytes) -> float:
        return 100 * float((Oracle(model).run(x).argmax(axis=1) == y).mean())

    with np.load(shared / "data" / "mnist_calibration_500.npz") as arrays:
        moments = _moments(data, graph, arrays["x"])
    rows = list(_rows(data, graph, accuracy, moments))
    return "\n".join(["## LSTM, MNIST\n", DIGITS_NOTE, table(rows)])


def _language(shared: Path, work: Path) -> str:
    print("LSTM language model", file=sys.stderr, flush=True)
    model = language_model(shared, work, TEST_WORDS)
    x, y = windows(model.test, TEST_WORDS)
    graph = parse(model.data)
    scale = float(graph.tensor(graph.outputs[0]).quantization.scale[0])

    def perplexity(data: bytes) -> float:
        logits = Oracle(data).run(model.embedding[x][None])[0]  # one sequence
        losses = [_losses(output.astype(np.float64) * scale, following) for output, following in zip(logits, y)]
        return float(np.exp(np.mean(losses)))

    seen = model.embedding[windows(model.calibration, CALIBRATION_WORDS)[0]]
    rows = list(_rows(model.data, graph, perplexity, _moments(model.data, graph, seen[None]), PUBLISHED))
    note = LANGUAGE_NOTE.format(
        words=VOCABULARY, test=TEST_WORDS, perplexity=model.perplexity, calibration=CALIBRATION_WORDS
    )
    head = "## LSTM language model, WikiText-2\n"
    return "\n".join([head, note, table(rows, accuracy="perplexity"), "", on_boards(model, work)])


def _losses(logits: np.ndarray, following: np.ndarray) -> np.ndarray:
    """float64 [steps]: -log p of the words that followed; logits float64 [steps, words]."""
    top = logits.max(axis=1)
    return np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - logits[np.arange(len(logits)), following]


def _moments(data: bytes, graph: Graph, x: np.ndarray) -> dict[int, np.ndarray]:
    """Second moments float64 [K, K], damped, of the activations that the model's matrices meet, by tensor. x: int8
    [n, ...], each from a reset state, or [n, steps, ...]."""
    found = {graph.inputs[0]: x, **Oracle(data).tensors(x)}
    result = {}
    for tensor in {matrix.activation for matrix in matrices(graph)}:
        values = found[tensor]
        zero = int(graph.tensor(tensor).quantization.zero_point[0])
        stacked = values.reshape(-1, values.shape[-1]).astype(np.float64) - zero
        moments = stacked.T @ stacked / len(stacked)
        result[tensor] = moments + damping(moments, len(stacked))
    return result


def _rows(
    data: bytes, graph: Graph, score: Score, moments: dict[int, np.ndarray], published: dict[str, str] | None = None
) -> Iterator[Measured]:
    def measured(name: str, curve: str, choose: Choose, pairs: float) -> Measured:
        chosen = {matrix.index: choose(matrix) for matrix in matrices(graph)}
        terms = _terms_per_mac(graph, chosen)
        value = score(rewrite_weights(data, chosen))
        return Measured(name, curve, terms, pairs, None, value, None, (published or {}).get(name, ""))

    yield measured("int8", "int8", lambda m: m.values, BASELINE_PAIRS)
    for bits in range(2, 7):
        yield measured(f"QT {bits} bits", "QT", lambda m, bits=bits: quantised(m.values, bits), bits * DATA_BITS)
    for most in BUDGETS:
        name, pairs = f"TR g={GROUP} k={most}", most / GROUP * DATA_BITS
        yield measured(name, "TR", lambda m, most=most: reveal(m.values, GROUP, most, Encoding.PAPER).values, pairs)
    for most in CALIBRATED:

        def choose(matrix: Matrix, most: int = most) -> np.ndarray:
            descent = limited(matrix.values.astype(np.float64), moments[matrix.activation], GROUP, most)
            return descent.q.astype(np.int8)

        yield measured(f"calibrated g={GROUP} k={most}", "calibrated", choose, most / GROUP * DATA_BITS)


def _terms_per_mac(graph: Graph, weights: dict[int, np.ndarray]) -> float:
    found = matrices(graph)
    terms = sum(int(term_count(weights[m.index]).sum(dtype=np.int64)) * m.uses for m in found)
    return terms / sum(m.values.size * m.uses for m in found)
