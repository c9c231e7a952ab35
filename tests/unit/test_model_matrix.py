"""`make matrix`: a build that was run is not run again, and the document says what became of each model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_tr import compiler
from edge_tr.ir import tflite
from tests import model_matrix
from tests.models.with_ends import recurrent
from tests.system.helpers import DIGITS, small_board


def test_what_was_run_is_run_again_only_as_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = model_matrix.case(DIGITS, "host", tmp_path / "build", None)
    assert found.outcome == model_matrix.EXACT and found.told.endswith(f"{model_matrix.SAMPLES} samples")
    monkeypatch.setattr(compiler, "check", lambda *_, **__: pytest.fail("run again"))
    assert model_matrix.case(DIGITS, "host", tmp_path / "build", found) == found
    for known in (replace(found, content="another"), replace(found, outcome=model_matrix.WRONG)):
        with pytest.raises(pytest.fail.Exception, match="run again"):
            model_matrix.case(DIGITS, "host", tmp_path / "build", known)


def test_what_does_not_fit_is_told_with_its_figures(tmp_path: Path) -> None:
    board = small_board(tmp_path, flash_bytes=8192)
    found = model_matrix.case(DIGITS, str(board), tmp_path / "build", None)
    assert found.outcome == model_matrix.TOO_LARGE and " of 8,192" in found.told and not found.content


def test_a_model_with_states_takes_one_sequence_of_all_steps() -> None:
    graph = tflite.parse(recurrent())
    (x,) = model_matrix._sequence(graph).values()
    assert x.shape == (1, model_matrix.STEPS, *graph.tensor(graph.inputs[0]).shape[1:])


def test_the_document_has_a_row_a_model_and_counts_what_differs() -> None:
    model = Path("a.tflite")
    exact = model_matrix.Case(model.name, "0", "host", model_matrix.EXACT, "2 samples", "1", "abc", 3)
    wrong = replace(exact, target="qemu-rv32ec", outcome=model_matrix.WRONG, told="1 of 2 differ", commit="def")
    cases = {(of.model, of.target): of for of in (exact, wrong)}
    text = model_matrix.document(cases, [model])
    assert "| a | exact: 2 samples | not tried | not tried | differs: 1 of 2 differ | not tried |" in text
    assert "1 exact, 1 differ, of 2 combinations; at abc, def." in text
