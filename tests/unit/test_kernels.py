"""The kernel table and the choice from it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.kernels import KERNELS, KernelChoice, allowed, parse_choice
from edge_tr.kernels.pairs import MOST_TERMS
from edge_tr.kernels.product import Task
from edge_tr.operators import DotParams
from edge_tr.prepared.budget import TrSetting
from edge_tr.tr.reveal import reveal
from tests.firmware.harness_models import Network


def conv_of(width: int) -> DotParams:
    """A pointwise convolution of a row of pixels."""
    model = ModelWriter()
    x, y = (model.activation((1, 1, width, 3), 0.5) for _ in range(2))
    w = model.constant(np.full((3, 1, 1, 3), -77, np.int8), [0.25])
    b = model.constant(np.zeros(3, np.int32), [0.125])
    options = dict(padding="SAME", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    model.op("CONV_2D", [x, w, b], [y], **options)
    graph = parse(model.finish([x], [y]))
    return graph.ops[0].record


def task_of(record: DotParams) -> Task:
    return Task(record, reveal(record.weights, 8, None), TrSetting(), "c")


def taking(record: DotParams) -> list[str]:
    """Kernels that take a layer with one budget."""
    return [kernel.name for kernel in KERNELS if not kernel.dialled and kernel.takes(task_of(record))]


CONVOLUTIONS, OF_ONE_PIXEL = taking(conv_of(2)), taking(conv_of(1))


def names_allowed(words: list[str], layer: str, record: DotParams) -> list[str]:
    kernels = allowed(parse_choice(words), layer, task_of(record))
    return [kernel.name for kernel in kernels]


def test_which_kernels_take_a_convolution():
    both = {"lists", "planes", "term-pairs", "fours", "lanes", "int8"}
    neither = {"twins", "subsets", "dual", "levels"}
    assert set(CONVOLUTIONS) >= {"pairs", *both} and not neither & set(CONVOLUTIONS)
    assert set(OF_ONE_PIXEL) >= both and not {"pairs", *neither} & set(OF_ONE_PIXEL)


@pytest.mark.parametrize("isa", ["c", "armv6-m"])
@pytest.mark.parametrize("channels", [24, 40])
def test_a_compiler_is_not_given_very_long_straight_line_code(isa, channels):
    """8,192 terms of a layer in C; assembly is as long as it is."""
    net = Network(np.random.default_rng(0), (4, 4, 12))
    net.conv(channels, (3, 3), (1, 1))
    task = replace(task_of(parse(net.finish()).ops[0].record), isa=isa)
    short = int(task.revealed.counts.sum()) <= MOST_TERMS
    assert short == (channels == 24)
    assert (parse_choice(["pairs"]).default in allowed(KernelChoice(), "a", task)) == (short or isa != "c")


def test_names_are_different():
    assert len({kernel.name for kernel in KERNELS}) == len(KERNELS)


def test_without_a_choice_every_kernel_that_takes_a_layer_is_allowed():
    assert parse_choice([]) == KernelChoice(None, {})
    assert names_allowed([], "conv_2d_0", conv_of(2)) == CONVOLUTIONS
    assert names_allowed([], "conv_2d_0", conv_of(1)) == OF_ONE_PIXEL


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_kernel_for_all_layers_and_another_for_one(name):
    words = [name, "conv_2d_3=int8"]
    assert names_allowed(words, "conv_2d_0", conv_of(2)) == [name]
    assert names_allowed(words, "conv_2d_3", conv_of(2)) == ["int8"]


def test_a_kernel_for_all_layers_leaves_out_those_that_it_does_not_take():
    assert names_allowed(["pairs"], "conv_2d_0", conv_of(1)) == OF_ONE_PIXEL
    assert names_allowed(["dual"], "conv_2d_0", conv_of(2)) == CONVOLUTIONS


def test_a_kernel_for_one_layer_that_does_not_take_it_is_refused_with_those_that_do():
    others = " or ".join(OF_ONE_PIXEL)
    with pytest.raises(UsageError, match=f"pairs does not take layer conv_2d_0; use {others}"):
        names_allowed(["int8", "conv_2d_0=pairs"], "conv_2d_0", conv_of(1))


def test_several_budgets_leave_the_kernels_that_can_be_switched():
    record = conv_of(2)
    task = replace(task_of(record), below=((TrSetting(), record),))
    for words in ([], ["int8"], ["conv_2d_0=levels"]):
        (kernel,) = allowed(parse_choice(words), "conv_2d_0", task)
        assert kernel.name == "levels"
    with pytest.raises(UsageError, match="int8 does not take layer conv_2d_0; use levels"):
        allowed(parse_choice(["conv_2d_0=int8"]), "conv_2d_0", task)
    with pytest.raises(UsageError, match="levels does not take layer conv_2d_0; use pairs or"):
        names_allowed(["conv_2d_0=levels"], "conv_2d_0", record)


def test_the_last_word_counts():
    assert parse_choice(["int8", "planes"]).default.name == "planes"
    assert parse_choice(["a=int8", "a=term-pairs"]).layers["a"].name == "term-pairs"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("plane", "did you mean planes?"),
        ("term_pairs", "did you mean term-pairs?"),
        ("conv_2d_0=int", "did you mean int8?"),
        ("xyzzy", f"Known: {', '.join(kernel.name for kernel in KERNELS)}"),
        ("", "no kernel is called ''"),
        ("conv_2d_0=", "no kernel is called ''"),
        ("INT8", "Known:"),
    ],
)
def test_an_unknown_kernel_is_refused_with_what_is_known(word, hint):
    with pytest.raises(UsageError, match=re.escape(hint)):
        parse_choice(["planes", word])
