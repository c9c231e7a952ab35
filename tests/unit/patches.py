"""Layers, patches of activations, and the arithmetic of tables of patch kernels, from bytes in plain slow Python."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from edge_tr.formats import term_table
from edge_tr.formats.term_table import LAYOUT
from edge_tr.kernels.choice import KernelChoice, allowed
from edge_tr.kernels.kernel import Kernel
from edge_tr.kernels.product import Task
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.hese import encode
from edge_tr.tr.reveal import Revealed, truncate_data

SEEDED = settings(derandomize=True, deadline=None, database=None, max_examples=150)
INT8 = st.integers(-128, 127)


def task_of(revealed: Revealed) -> Task:
    """A layer that is no convolution and no fully connected one."""
    return Task(None, revealed, TrSetting(), "c")


def kernels_allowed(revealed: Revealed, choice: KernelChoice | None = None) -> tuple[Kernel, ...]:
    return allowed(choice or KernelChoice(), "conv_2d_0", task_of(revealed))


@st.composite
def layers(draw) -> tuple[np.ndarray, TrSetting]:
    """Rows of weights of any density, extremes among them, and how they are revealed."""
    rows, depth = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    element = draw(st.sampled_from([INT8, st.sampled_from([-128, 127, 0]), st.sampled_from([0, 0, 0, 0, 5, -90])]))
    weights = draw(st.lists(st.lists(element, min_size=depth, max_size=depth), min_size=rows, max_size=rows))
    group = draw(st.sampled_from([1, 2, 3, 7, 8, 16, 40, 41, 255, 256]))
    setting = TrSetting(group, draw(st.none() | st.integers(1, 20)), draw(st.none() | st.integers(1, 3)))
    return np.array(weights, np.int8), setting


def patch_of(rng: np.random.Generator, depth: int, setting: TrSetting) -> list[int]:
    """x - zero_point of random data, extremes often, cut to s terms as the firmware's table cuts it."""
    patch = np.where(rng.random(depth) < 0.5, rng.integers(-255, 256, depth), rng.choice([-255, -171, 0, 255], depth))
    if setting.data_terms is not None:
        patch = truncate_data(setting.data_terms)[patch + 255]
    return [int(value) for value in patch]


# --- the arithmetic of each layout, from bytes ---------------------------------------------------


def payload(data: bytes, header: dict) -> tuple[list[int], bytes]:
    """(row starts, bytes of the words)."""
    body, count = data[32:], header["rows"] + 1
    starts = [int.from_bytes(body[4 * i : 4 * i + 4], "little") for i in range(count)]
    return starts, body[4 * count :]


def halfwords(raw: bytes, first: int, end: int) -> list[int]:
    return [int.from_bytes(raw[2 * i : 2 * i + 2], "little") for i in range(first, end)]


def sum_of_terms(words: list[int], patch: list[int], header: dict) -> int:
    """The literal term-pair loop: every weight term with every term of its activation."""
    total, base = 0, 0
    for word in words:
        index, exponent, sign, last = word & 0xFF, word >> 8 & 0xF, word >> 12 & 1, word >> 13 & 1
        assert word >> 14 == 0
        if exponent != 15:
            for data_sign, data_exponent in encode(patch[base + index]):
                total += (-1) ** sign * data_sign * 2 ** (exponent + data_exponent)
        base += header["group"] * last
    groups = -(-header["depth"] // header["group"])
    assert base == groups * header["group"]
    return total


def sum_of_planes(words: list[int], patch: list[int], header: dict) -> int:
    """Loads of pre-shifted activations, each of which must be an int16."""
    planes = [x << exponent for exponent in range(header["planes"]) for x in patch]
    assert all(-(1 << 15) <= x < 1 << 15 for x in planes)
    positive, offsets = words[0], words[1:]
    assert positive <= len(offsets)
    return sum(planes[o] for o in offsets[:positive]) - sum(planes[o] for o in offsets[positive:])


def sums(data: bytes, patch: list[int]) -> list[int]:
    """One dot product per row of a packed table."""
    header = term_table.TABLE_HEADER.unpack(data)
    starts, raw = payload(data, header)
    if header["layout"] in (LAYOUT.INT8, LAYOUT.INT16):
        size = 1 if header["layout"] == LAYOUT.INT8 else 2
        weights = [int.from_bytes(raw[i : i + size], "little", signed=True) for i in range(0, len(raw), size)]
        rows = [weights[a:z] for a, z in itertools.pairwise(starts)]
        return [sum(w * x for w, x in zip(row, patch, strict=True)) for row in rows]
    sum_of = {LAYOUT.TERMS: sum_of_terms, LAYOUT.PLANES: sum_of_planes}[header["layout"]]
    return [sum_of(halfwords(raw, a, z), patch, header) for a, z in itertools.pairwise(starts)]
