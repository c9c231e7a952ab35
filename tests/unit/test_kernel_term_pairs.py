"""Tables of terms: largest first, so that a smaller budget is a prefix."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_tr.formats import term_table
from edge_tr.kernels.term_pairs import term_table as terms_table
from edge_tr.tr.reveal import reveal
from tests.unit.patches import SEEDED, layers


def groups_of(table: term_table.Table) -> list[list[tuple[int, int, int]]]:
    """(exponent, index, sign) of every term, group by group."""
    groups, group = [], []
    fields = term_table.TERM_WORD.unpack_words(table.words)
    for exponent, index, sign, last in zip(*(fields[n].tolist() for n in ("exponent", "index", "sign", "last"))):
        group += [(exponent, index, sign)] if exponent != 15 else []
        if last:
            groups.append(group)
            group = []
    assert group == []
    return groups


@SEEDED
@given(layer=layers(), budgets=st.tuples(st.integers(1, 20), st.integers(1, 20)))
def test_terms_lie_largest_first_and_a_smaller_budget_is_a_prefix(layer, budgets):
    """Without a term +2^7, which a budget may cut to +2^6 (see `tr.reveal`)."""
    weights, setting = np.minimum(layer[0], 96), layer[1]
    small, large = (groups_of(terms_table(reveal(weights, setting.group, k), setting)) for k in sorted(budgets))
    for few, many in zip(small, large, strict=True):
        assert many[: len(few)] == few
        assert many == sorted(many, key=lambda term: (-term[0], term[1]))


@SEEDED
@given(layer=layers(), budget=st.integers(1, 12))
def test_beside_a_halved_power_of_two_a_smaller_budget_keeps_only_kept_terms(layer, budget):
    weights, setting = layer
    small = groups_of(terms_table(reveal(weights, setting.group, budget), setting))
    large = groups_of(terms_table(reveal(weights, setting.group, budget + 1), setting))
    for few, many in zip(small, large, strict=True):
        extra = set(few) - set(many)
        assert len(few) <= budget and len(extra) <= 1
        assert all((exponent, sign) == (6, 0) and (7, index, 0) in many for exponent, index, sign in extra)
