"""What `inspect` says of boards is what `build` finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_tr import boards, compiler
from edge_tr.compiler import fitting
from edge_tr.errors import DoesNotFitError
from edge_tr.ir import tflite
from tests.system.helpers import DIGITS, succeed


def fits_when_built(model: Path, board: str, folder: Path) -> bool:
    try:
        compiler.build(model, board, folder, objective="size")
    except DoesNotFitError:
        return False
    return True


@pytest.mark.parametrize(
    ("model", "board", "verdict"),
    [
        (None, "stm32vldiscovery", "fits"),
        (None, "rpi-pico", "fits"),
        ("kws_ref_model", "ch32v003-evt", "does not fit"),
        ("kws_ref_model", "microbit", "fits"),
    ],
)
def test_a_board_that_is_said_to_fit_does_and_one_that_is_not_does_not(
    model: str | None, board: str, verdict: str, shared: Path, tmp_path: Path
) -> None:
    file = DIGITS if model is None else shared / f"models/{model}.tflite"
    (fit,) = (fit for fit in fitting.fits(tflite.load(file)) if fit.board == board)
    assert fit.verdict == verdict
    assert fits_when_built(file, board, tmp_path) == (verdict == "fits")


def test_a_small_network_on_the_smallest_board_is_for_the_build_to_say(tmp_path: Path) -> None:
    """It fits: without a convolution's faster kernels the stack takes little."""
    (fit,) = (fit for fit in fitting.fits(tflite.load(DIGITS)) if fit.board == "ch32v003-evt")
    assert fit.verdict == "close" and fits_when_built(DIGITS, "ch32v003-evt", tmp_path)


def test_inspect_lists_every_board_with_macs_and_sizes() -> None:
    found = succeed("inspect", DIGITS, "--json").json
    known = {name for name in boards.names() if boards.load(name).toolchain.freestanding}
    assert {fit["board"] for fit in found["boards"]} == known
    assert [layer["macs"] for layer in found["layers"] if layer["weights"]] == [4608, 18_432, 640]
    text = succeed("inspect", DIGITS).out
    assert "in all: 23,680 MACs, 1,864 weights" in text and "close, only build can tell: ch32v003-evt" in text
    assert max(map(len, text.splitlines())) <= 100
