"""The language model on boards: built, flashed, and every layer's digest compared while it reads the test words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_tr.compiler import build, check, flash
from edge_tr.errors import MismatchError
from edge_tr.reproduction.language import MODEL_STEPS, LanguageModel, windows

BOARDS = {"host": 20_000, "mps2-an386": 400}
"""Words that each reads, as one sequence: states are carried from the first to the last."""


def on_boards(model: LanguageModel, work: Path) -> str:
    """What became of it, a sentence; MismatchError where a tensor differs from golden's or the interpreter's."""
    path, data = work / "language.tflite", work / "language.npz"
    path.write_bytes(model.data)
    done = []
    for board, words in BOARDS.items():
        np.savez(data, x=model.embedding[windows(model.test, words)[0]][None])
        folder = work / f"language-{board}"
        build(path, board, folder)
        flash(folder)
        report = check(folder, data=data, layers=True)
        if not report.bit_exact or report.reference_identical != report.samples:
            raise MismatchError(f"the language model on {board} is not the interpreter's: see {folder}")
        done.append(f"{report.samples * MODEL_STEPS:,} words on {board}")
    return (
        "The int8 model by `edge-tr build` and `check --layers`: every layer's digest is golden's, and the logits are\n"
        f"the interpreter's, over one sequence of {' and one of '.join(done)} (an emulator).\n"
    )
