"""The kernel table and the choice from it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.lower.budget import TrSetting
from edge_tr.lower.kernels import KERNELS, KernelChoice, choose, parse_choice
from edge_tr.tr.reveal import reveal

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
REVEALED = reveal(np.array([[3, -77, 127]], np.int8), 8, None)


def test_without_a_choice_every_layer_takes_the_first_kernel():
    choice = parse_choice([])
    assert choice == KernelChoice(None, {})
    assert choose(choice, "conv_2d_0", REVEALED, TrSetting()) is KERNELS[0]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_for_all_layers_and_another_for_one(kernel):
    choice = parse_choice([kernel.name, "conv_2d_3=int8"])
    assert choose(choice, "conv_2d_0", REVEALED, TrSetting()) is kernel
    assert choose(choice, "conv_2d_3", REVEALED, TrSetting()).name == "int8"


def test_the_last_word_counts():
    assert parse_choice(["int8", "planes"]).default.name == "planes"
    assert parse_choice(["a=int8", "a=term-pairs"]).layers["a"].name == "term-pairs"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("plane", "did you mean planes?"),
        ("term_pairs", "did you mean term-pairs?"),
        ("conv_2d_0=int", "did you mean int8?"),
        ("xyzzy", "Known: planes, term-pairs, int8"),
        ("", "no kernel is called ''"),
        ("conv_2d_0=", "no kernel is called ''"),
        ("INT8", "Known:"),
    ],
)
def test_an_unknown_kernel_is_refused_with_what_is_known(word, hint):
    with pytest.raises(UsageError, match=re.escape(hint)):
        parse_choice(["planes", word])


def test_every_kernel_is_an_object_that_the_firmware_declares():
    header = (FIRMWARE / "include" / "tr_kernels.h").read_text()
    for kernel in KERNELS:
        assert f"extern const struct tr_dot {kernel.symbol};" in header
        assert (FIRMWARE / "src" / f"{kernel.symbol}.c").is_file()
    assert (
        len({k.name for k in KERNELS}) == len({k.symbol for k in KERNELS}) == header.count("extern const struct tr_dot")
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 64, 8191])
def test_scratch_holds_the_patch_and_what_is_derived_from_it(depth):
    """Patch: int16 each. planes: a patch per plane. term-pairs: a word-aligned uint32 each behind the patch."""
    sizes = {kernel.name: kernel.scratch_bytes(depth, 8) for kernel in KERNELS}
    assert sizes == {"planes": 16 * depth, "term-pairs": -(-2 * depth // 4) * 4 + 4 * depth, "int8": 2 * depth}
