"""The terms of the weights: by exponent and by weight, kept and dropped, of all layers and of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import BuildRecord, TermsRecord
from edge_tr.plots import columns, small_columns
from edge_tr.report.pages.shell import svg


@dataclass(frozen=True)
class LayerTerms:
    """One layer's numbers and its two small pictures."""

    number: int
    name: str
    given: int
    kept: int
    share: str
    per_weight: str
    exponents: Markup
    weights: Markup


@dataclass(frozen=True)
class Terms:
    """`text` says in a sentence what became of the terms."""

    text: str
    exponents: Markup
    weights: Markup
    layers: tuple[LayerTerms, ...]


def terms(manifest: BuildRecord) -> Terms | None:
    """None of a model without weights."""
    found = [(n, layer) for n, layer in enumerate(manifest.layers) if layer.histogram.given]
    if not found:
        return None
    of = [layer.histogram for _, layer in found]
    given, revealed, kept, weights = (_sum(getattr(one, name) for one in of) for name in _FIELDS)
    top = max(len(given), len(kept))
    widest, most = max(top, 1), max(len(weights), 1)
    return Terms(
        _sentence(sum(given), sum(revealed), sum(kept), sum(weights)),
        svg(_exponents(given, kept, top)),
        svg(_weights(weights)),
        tuple(_layer(n, layer.name, layer.histogram, widest, most) for n, layer in found),
    )


_FIELDS = ("given", "revealed", "kept", "weights")


def _sum(counts: Iterable[Sequence[int]]) -> list[int]:
    rows = list(counts)
    return [sum(row[i] for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]


def _padded(counts: Sequence[int], length: int) -> list[int]:
    return [*counts, *[0] * (length - len(counts))]


def _sentence(given: int, revealed: int, kept: int, weights: int) -> str:
    text = f"The weights of the model file are sums of {given:,} signed powers of two."
    if revealed != given:
        text += f" The budget keeps {revealed:,} of them ({revealed / given:.1%})."
    if kept != revealed:
        text += f" {revealed - kept:,} belong to channels that are constant and are not computed."
    return f"{text} {kept:,} are computed with: {kept / max(1, weights):.2f} a weight."


def _exponents(given: Sequence[int], kept: Sequence[int], top: int) -> str:
    names = [_power(i) for i in reversed(range(top))]
    filled, outlined = ([*reversed(_padded(counts, top))] for counts in (kept, given))
    label = "Terms by power of two: " + ", ".join(
        f"{name} {inside:,} of {whole:,}" for name, inside, whole in zip(names, filled, outlined)
    )
    return columns(label, names, filled, outlined, "power of two of the term")


def _power(exponent: int) -> str:
    return f"2{str(exponent).translate(_RAISED)}"


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _weights(counts: Sequence[int]) -> str:
    names = [str(i) for i in range(len(counts))]
    label = "Weights by their number of terms: " + ", ".join(f"{n} terms {c:,}" for n, c in zip(names, counts))
    return columns(label, names, counts, [0] * len(counts), "terms a weight")


def _layer(number: int, name: str, of: TermsRecord, top: int, most: int) -> LayerTerms:
    given, kept, weights = sum(of.given), sum(of.kept), sum(of.weights)
    filled, outlined = ([*reversed(_padded(counts, top))] for counts in (of.kept, of.given))
    numbers = _padded(of.weights, most)
    exponents = small_columns(f"{name}: terms by power of two", filled, outlined, max(*outlined, *filled, 1))
    return LayerTerms(
        number, name, given, kept, f"{kept / given:.1%}" if given else "", f"{kept / max(1, weights):.2f}",
        svg(exponents), svg(small_columns(f"{name}: weights by terms", numbers, [0] * most, max(*numbers, 1))),
    )  # fmt: skip
