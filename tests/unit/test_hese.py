"""HESE against independent oracles: enumeration of all signed-digit forms, and the NAF's weight."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_tr.tr.hese import MAX_MAGNITUDE, Encoding, Term, encode, term_count, terms

INT16 = np.arange(-(1 << 15), 1 << 15)


def signed_powers(value, encoding=Encoding.MINIMAL):
    return tuple(term.value for term in encode(value, encoding))


def naf_weight(values):
    """Non-zero digits of the non-adjacent form: the bits in which v and 3v differ."""
    bits = np.abs(values) ^ (3 * np.abs(values))
    return sum((bits >> i) & 1 for i in range(20))


def truncation_errors(value, form):
    return tuple(abs(value - prefix) for prefix in itertools.accumulate(form))


def best_minimal_forms(top):
    """By value 0..2^top: of all forms with exponents 0..top + 1, the shortest, then the one with the
    smallest vector of truncation errors, then the lowest first difference."""
    best = {}
    for digits in itertools.product((0, 1, -1), repeat=top + 2):
        form = tuple(digit << e for digit, e in zip(digits, range(top + 1, -1, -1), strict=True) if digit)
        value = sum(form)
        if 0 <= value <= 1 << top:
            rank = len(form), truncation_errors(value, form), form
            best[value] = min(best.get(value, rank), rank)
    return {value: form for value, (_, _, form) in best.items()}


def test_minimal_is_the_best_of_all_enumerated_forms():
    best = best_minimal_forms(top=8)
    assert len(best) == 257
    assert {value: signed_powers(value) for value in best} == best


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (0, ()),
        (1, (1,)),
        (-1, (-1,)),
        (3, (2, 1)),
        (7, (8, -1)),
        (13, (16, -4, 1)),
        (55, (64, -8, -1)),
        (96, (64, 32)),
        (97, (128, -32, 1)),
        (127, (128, -1)),
        (-128, (-128,)),
        (32767, (32768, -1)),
        (-32768, (-32768,)),
    ],
)
def test_minimal_digits_of_known_values(value, form):
    assert signed_powers(value) == form


def test_minimal_length_is_the_nafs_for_all_of_int16():
    np.testing.assert_array_equal(term_count(INT16), naf_weight(INT16))


def test_minimal_truncation_errors_reach_their_lower_bound_for_all_of_int16():
    """No first term leaves less, among those after which the rest is one term shorter."""
    form = terms(INT16)
    powers = np.array([sign << e for e in range(17) for sign in (1, -1)])
    for position in range(form.signs.shape[-1]):
        rest = (INT16 - form.values(position))[form.counts > position]
        after = rest[:, None] - powers
        shorter = naf_weight(after) == naf_weight(rest)[:, None] - 1
        least = np.where(shorter, np.abs(after), 1 << 20).min(axis=1)
        reached = np.abs(INT16 - form.values(position + 1))[form.counts > position]
        np.testing.assert_array_equal(reached, least)


@pytest.mark.parametrize("encoding", Encoding)
def test_terms_are_exact_descending_and_padded_with_zeros_for_all_of_int16(encoding):
    form = terms(INT16, encoding)
    assert form.signs.dtype == form.exponents.dtype == form.counts.dtype == np.int8
    np.testing.assert_array_equal(form.values(), INT16)
    used = np.arange(form.signs.shape[-1]) < form.counts[:, None]
    np.testing.assert_array_equal(form.signs != 0, used)
    assert not form.exponents[~used].any()
    assert (form.exponents[:, :-1] > form.exponents[:, 1:])[used[:, 1:]].all()


@pytest.mark.parametrize("encoding", Encoding)
def test_negative_values_have_the_negated_digits(encoding):
    for value in range(1, 1 << 10):
        assert signed_powers(-value, encoding) == tuple(-power for power in signed_powers(value, encoding))


@pytest.mark.parametrize("encoding", Encoding)
def test_arrays_agree_with_scalars_in_any_shape(encoding):
    values = np.arange(-128, 128, dtype=np.int8).reshape(4, 8, 8)
    form = terms(values, encoding)
    assert form.signs.shape[:-1] == values.shape
    for index in np.ndindex(values.shape):
        pairs = zip(form.signs[index], form.exponents[index], strict=True)
        assert tuple(Term(*pair) for pair in pairs if pair[0]) == encode(int(values[index]), encoding)
    assert terms(values[1, 2, 3], encoding).counts == len(encode(int(values[1, 2, 3]), encoding))
    assert terms(values[:0], encoding).values().shape == (0, 8, 8)


def test_int8_needs_at_most_four_terms_and_none_beyond_two_to_the_seventh():
    form = terms(np.arange(-128, 128))
    assert form.signs.shape[-1] == form.counts.max() == 4
    assert form.exponents.max() == 7


def paper_digits(magnitude):
    """The paper's window (bits i + 1, i, i - 1), top down; a lone one also consumes the next bit."""
    form, i = [], magnitude.bit_length()
    while i >= 0:
        window = tuple((magnitude << 1) >> (i + shift) & 1 for shift in (2, 1, 0))
        if window == (0, 1, 0):
            form.append(1 << i)
            i -= 1
        elif window == (0, 1, 1):
            form.append(2 << i)
        elif window == (1, 1, 0):
            form.append(-1 << i)
        i -= 1
    return tuple(form)


def test_paper_encoding_follows_the_published_window_rule():
    assert signed_powers(55, Encoding.PAPER) == (64, -16, 8, -1)
    for value in range(1 << 12):
        assert signed_powers(value, Encoding.PAPER) == paper_digits(value)


def test_paper_encoding_is_longer_than_minimal_for_35_bytes_and_never_shorter():
    values = np.arange(256)
    excess = term_count(values, Encoding.PAPER) - term_count(values)
    assert excess.min() == 0
    assert np.count_nonzero(excess) == 35


def test_top_two_terms_are_closer_in_the_minimal_encoding():
    def rms(encoding):
        return np.sqrt(np.mean((np.arange(128) - terms(np.arange(128), encoding).values(2)) ** 2))

    assert rms(Encoding.MINIMAL) == pytest.approx(2.66, abs=0.005)
    assert rms(Encoding.PAPER) == pytest.approx(3.97, abs=0.005)


def test_terms_refuses_values_beyond_its_range_and_other_types():
    assert terms(np.array([MAX_MAGNITUDE])).values() == MAX_MAGNITUDE
    with pytest.raises(ValueError, match="at most 32768, not 32769"):
        terms(np.array([0, -MAX_MAGNITUDE - 1]))
    with pytest.raises(ValueError, match="integers, not float64"):
        terms(np.array([1.0]))
