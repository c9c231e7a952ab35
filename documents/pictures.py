"""Writes the pictures of docs/explanation/ from edge-tr's own encoder, with `edge_tr.plots`.

`python -m documents.pictures` writes them; with `--check` it only compares.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from documents import DOCS
from edge_tr.plots import Bar, bars, standalone
from edge_tr.plots.svg import element, percent, picture, text, title
from edge_tr.tr.hese import encode, term_count
from edge_tr.tr.reveal import reveal

FOLDER = DOCS / "explanation"
WIDTH, BITS, ROW = 720, 8, 34
EXAMPLE = np.array([[55, -23, 7, 0, 96, -3, 110, 41]], np.int8)
KEPT = 12


def pictures() -> dict[str, str]:
    """SVG by file name."""
    return {
        "terms-of-55.svg": _framed(_digits_of(55), 2 * ROW + 40),
        "terms-per-value.svg": _framed(_lengths(), 6 * 40),
        "revealed-group.svg": _framed(_group(EXAMPLE, KEPT), (EXAMPLE.size + 1) * ROW + 20),
    }


def _framed(svg: str, height: int) -> str:
    return standalone(svg, WIDTH, height + 24)


def _digits_of(value: int) -> str:
    """One value in binary and as signed powers of two, digit below digit."""
    binary = {bit: 1 for bit in range(BITS) if value >> bit & 1}
    signed = {term.exponent: term.sign for term in encode(value)}
    shapes = _head()
    for row, (name, digits) in enumerate((("binary", binary), ("HESE", signed))):
        shapes += _cells(f"{name}: {len(digits)} terms", digits, digits, row + 1)
    return picture(f"{value} in binary and as signed powers of two", 3 * ROW, shapes)


def _head() -> list[str]:
    return [text(f"2^{bit}", _at(bit), 20, "middle", class_="dim") for bit in range(BITS)]


def _at(bit: int) -> str:
    """The middle of a bit's column, the largest on the left."""
    return percent(0.26 + 0.74 * (BITS - bit - 0.5) / BITS)


def _cells(label: str, digits: dict[int, int], kept: dict[int, int], row: int) -> list[str]:
    """A line of digits: filled where they are kept, an outline where they are dropped."""
    y = row * ROW
    shapes = [text(label, 0, y + 15)]
    for bit in range(BITS):
        sign = digits.get(bit, 0)
        colour = 0 if not sign or bit not in kept else 1 if sign > 0 else 2
        left, wide = percent(0.26 + 0.74 * (BITS - bit - 0.9) / BITS), percent(0.74 * 0.8 / BITS)
        shapes.append(
            element(
                "rect", title(f"{'+' if sign > 0 else '-'}2^{bit}" if sign else "0"), x=left, y=y - 2, height=24,
                class_=f"f{colour}" if colour else "outline" if sign else "track", width=wide, rx=3,
                data_bit=bit, data_sign=sign, data_kept=int(bit in kept),
            )
        )  # fmt: skip
        if sign:
            shapes.append(text("+" if sign > 0 else "−", _at(bit), y + 15, "middle", class_="on" if colour else "dim"))
    return shapes


def _lengths() -> str:
    """How many int8 values have how many terms, in binary and as HESE."""
    values = np.arange(-127, 128)
    written = {"HESE": term_count(values), "binary": np.array([int(abs(v)).bit_count() for v in values])}
    rows = [
        Bar(
            f"{name}: {counts.mean():.2f} terms on average, at most {counts.max()}", float(counts.mean()), "",
            series=series,
        )
        for series, (name, counts) in enumerate(written.items(), start=1)
    ]  # fmt: skip
    for terms in range(1, int(written["HESE"].max()) + 1):
        share = float((written["HESE"] == terms).mean())
        rows.append(Bar(f"values of {terms} HESE term{'s' * (terms > 1)}", share * 4, f"{share:.0%}", series=3))
    return bars("Terms of the int8 values from -127 to 127", rows, longest=4.0)


def _group(weights: np.ndarray, budget: int) -> str:
    """A group of weights, whose `budget` largest terms are kept."""
    found = reveal(weights, weights.size, budget)
    shapes = _head()
    for row, (weight, left) in enumerate(zip(weights.reshape(-1).tolist(), found.values.reshape(-1).tolist()), start=1):
        digits = {term.exponent: term.sign for term in encode(weight)}
        planes = found.digits[0, 0, :, row - 1]
        some = {len(planes) - 1 - plane: int(planes[plane]) for plane in np.flatnonzero(planes)}
        shapes += _cells(f"{weight} becomes {left}" if left != weight else str(weight), digits, some, row)
    label = f"A group of {weights.size} weights of which the {budget} largest terms are kept"
    return picture(label, (weights.size + 1) * ROW, shapes)


def main(words: Sequence[str] | None = None) -> int:
    """Entry point of `python -m documents.pictures`; the exit code."""
    parser = argparse.ArgumentParser(description="write the pictures of docs/explanation/")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(words).check
    stale = []
    for name, drawn in pictures().items():
        path = FOLDER / name
        if check and (not path.is_file() or path.read_text(encoding="utf-8") != drawn):
            stale.append(f"docs/explanation/{name} is stale: run python -m documents.pictures")
        elif not check:
            path.write_text(drawn, encoding="utf-8")
    if stale:
        print("\n".join(stale))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
