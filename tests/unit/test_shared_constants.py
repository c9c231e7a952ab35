"""Layers with the same weights: C has them once. That it computes the same is tested with batches of images."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edge_tr.codegen.mcu import source_tree
from edge_tr.ir.tflite import parse
from tests.firmware.harness_models import KERNELS, Network, lower_with
from tests.models.batched import batched


@pytest.mark.parametrize("isa", ["c", "armv6-m"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_images_of_a_batch_share_their_constants(kernel: str, isa: str) -> None:
    graph = parse(batched(np.random.default_rng([6, 1]), ("CONV_2D", "DEPTHWISE_CONV_2D")))
    program = lower_with(graph, kernel, "lossless", isa)
    tree = source_tree(program, "a-board", "batched.tflite")
    weights = len({op.inputs[1] for op in graph.ops if op.kind.endswith("CONV_2D")})
    layers = sum(layer.dot is not None for layer in program.layers)
    text = tree["model/model.c"].decode()
    assert weights == 2 < layers
    assert len(re.findall(r"^static const struct tr_\w+ \w*conv_2d_\d+ = \{$", text, re.MULTILINE)) == weights
    assert len(re.findall(r"\(&\w*conv_2d_\d+,", text)) == layers
    generated = [path for path in tree if re.fullmatch(r"model/\w*conv_2d_\d+\.[cS]", path)]
    images = layers // weights
    assert len(generated) == sum(product.dot.code is not None for product in program.products) // images


def test_layers_with_other_weights_have_their_own() -> None:
    net = Network(np.random.default_rng(3), (5, 5, 4))
    net.conv(4, (3, 3), (1, 1))
    net.conv(4, (3, 3), (1, 1))
    text = source_tree(lower_with(parse(net.finish()), "int8", "lossless"), "b", "m")["model/model.c"].decode()
    assert "(&conv_2d_0," in text and "(&conv_2d_1," in text
