"""Training with revealed terms: gradients, the simulation against golden and the interpreter, and what it is for."""

from __future__ import annotations

import copy
import importlib
import sys

import numpy as np
import pytest
import torch
from torch import nn

import edge_tr.training
from edge_tr import compiler, demo
from edge_tr.errors import ToolMissingError, UsageError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.operators import dots
from edge_tr.tr.requant import Rounding
from edge_tr.tr.reveal import reveal
from edge_tr.training import RevealedLayer, RevealedNetwork, export, prepare, restore, train
from edge_tr.training.through import revealed, rounded


def everything() -> nn.Sequential:
    """One of each: SAME and other padding, stride, dilation, a depthwise layer with a multiplier, pooling, Flatten."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 12, 3, padding=1, stride=2, groups=6),
        nn.Conv2d(12, 8, (3, 2), padding=(2, 0), dilation=(2, 1), bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=(2, 1)),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(8 * 4 * 6, 20),
        nn.ReLU(),
        nn.Linear(20, 5),
    )


@pytest.fixture(scope="module")
def net() -> tuple[RevealedNetwork, np.ndarray]:
    """The network, prepared on noise, and int8 samples in the file's order."""
    x = torch.rand((64, 3, 16, 16), generator=torch.Generator().manual_seed(5)) * 2 - 0.5
    network = prepare(everything(), x, group=8).eval()
    q = np.random.default_rng(0).integers(-128, 128, (24, 16, 16, 3)).astype(np.int8)
    return network, q


def channels_first(q: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(q.transpose(0, 3, 1, 2)) if q.ndim == 4 else q)


@pytest.mark.parametrize("budget", [None, 6, 2])
def test_every_layer_computes_what_golden_does(net, budget):
    """Bit for bit, from golden's own inputs."""
    network, q = net
    network.set_budget(budget)
    graph = parse(export(network))
    weights = {op.index: reveal(op.record.weights, 8, budget).values for op in dots(graph)}
    tensors = {graph.inputs[0]: q, **run(graph, q, weights=weights, keep="all").tensors}
    assert len(dots(graph)) == len(network.layers)
    for op, layer in zip(dots(graph), network.layers):
        padded = graph.ops[op.index - 1].kind == "PAD"
        x = tensors[graph.ops[op.index - 1].inputs[0] if padded else op.inputs[0]]
        x = channels_first(x).float()
        if x.dim() == 2 and layer.order is not None:  # the file's order; the layer takes PyTorch's
            x = torch.zeros_like(x).index_copy(1, layer.order, x)
        y = layer(x - layer.source.zero_point) + layer.target.zero_point
        assert torch.equal(y, channels_first(tensors[op.outputs[0]]).float())


def test_the_whole_simulation_is_the_interpreters_answer(net):
    network, q = net
    network.set_budget(None)
    data = export(network, softmax=False)
    simulated = network.integers(channels_first(q)).numpy()
    np.testing.assert_array_equal(simulated, run(parse(data), q).output)
    if set(reference_info().rounding.values()) <= {Rounding.DOUBLE}:
        np.testing.assert_array_equal(simulated, Oracle(data).run(q))


def test_the_float_side_is_the_integer_side(net):
    """forward() on real inputs gives the real values of what integers() gives."""
    network, q = net
    network.set_budget(4)
    source, target = network.source, network.layers[-1].target
    inputs = channels_first(q)
    real = network((inputs.float() - source.zero_point) * source.scale)
    expected = (network.integers(inputs).float() - target.zero_point) * target.scale
    torch.testing.assert_close(real, expected, atol=1e-6, rtol=0)


def test_a_model_file_becomes_a_network_again(net):
    """The demonstration's model, and what was exported before: restored, prepared on the same data, exported, the
    weights are the same integers and the answers the same."""
    network, _ = net
    with pytest.raises(UsageError, match=r"PAD .* cannot be trained here"):
        restore(export(network))
    data = demo.MODEL.read_bytes()
    with demo.TEST_DATA.open("rb") as file, np.load(file) as arrays:
        q = arrays["x"]
    x = (torch.from_numpy(q.astype(np.float32)).permute(0, 3, 1, 2) + 128) / 255
    again = prepare(restore(data), x)
    graph = parse(data)
    for op, layer in zip(dots(graph), again.layers):
        np.testing.assert_array_equal(layer.integer_weights(None).detach().numpy(), op.record.weights)
    choices = again.integers(channels_first(q)).numpy().argmax(axis=1)
    assert (choices == run(graph, q).output.argmax(axis=1)).mean() >= 0.99
    assert str(restore(export(again))) == str(restore(data))


def test_terms_are_revealed_forwards_and_ignored_backwards():
    weights = torch.tensor([[3.4, -55.2, 200.0, -200.0], [0.2, 99.6, -7.7, 1.0]], requires_grad=True)
    values = revealed(weights, 2, 2)
    expected = reveal(np.array([[3, -55, 127, -127], [0, 100, -8, 1]], np.int8), 2, 2).values
    np.testing.assert_array_equal(values.detach().numpy(), expected)
    values.sum().backward()
    np.testing.assert_array_equal(weights.grad.numpy(), [[1, 1, 0, 0], [1, 1, 1, 1]])


def test_rounding_is_half_up_with_the_gradient_of_the_identity():
    x = torch.tensor([-1.5, -0.5, 0.5, 2.4], requires_grad=True)
    y = rounded(x)
    y.sum().backward()
    assert y.tolist() == [-1, 0, 1, 2] and x.grad.tolist() == [1, 1, 1, 1]


def digits() -> tuple[torch.Tensor, torch.Tensor, np.ndarray, np.ndarray]:
    """240 digits to train on, as real values 0..1, and 120 others as int8."""
    with demo.TEST_DATA.open("rb") as file, np.load(file) as arrays:
        q, y = arrays["x"], arrays["y"]
    x = (torch.from_numpy(q[:240].astype(np.float32)) + 128) / 255
    return x.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y[:240]), q[240:], y[240:]


def classifier() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))


@pytest.fixture(scope="module")
def trained() -> dict[str, RevealedNetwork]:
    """A network trained in floats, and the same network then trained for several budgets."""
    x, y, _, _ = digits()
    network = classifier()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    networks = {name: prepare(copy.deepcopy(network), x) for name in ("plain", "multi")}
    train(networks["multi"], x, y, budgets=[2, 4, None], epochs=20, batch=24, rate=3e-3)
    return networks


def accuracy(network: RevealedNetwork, budget: int | None) -> float:
    """% of the test digits, by the simulation."""
    _, _, q, y = digits()
    network.set_budget(budget)
    return 100 * float((network.integers(channels_first(q)).numpy().argmax(axis=1) == y).mean())


def test_one_set_of_weights_serves_all_budgets(trained):
    """Measured: 35 -> 69 % at a quarter of a term a weight, 66 -> 83 % at half a term, 95 -> 94 % with every term."""
    assert accuracy(trained["multi"], 2) >= accuracy(trained["plain"], 2) + 20
    assert accuracy(trained["multi"], 4) >= accuracy(trained["plain"], 4) + 8
    assert accuracy(trained["multi"], None) >= accuracy(trained["plain"], None) - 3


def test_training_is_the_same_for_the_same_seed():
    x, y, _, _ = digits()
    weights = []
    for seed in (1, 1, 2):
        network = prepare(classifier(), x)
        train(network, x[:48], y[:48], budgets=[4, 8], epochs=1, batch=16, seed=seed)
        weights.append(network.layers[0].layer.weight.detach().clone())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_augmented_batches_a_teacher_and_progress():
    x, _, _, _ = digits()
    seen, steps = [], []

    def augment(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append(len(batch))
        return batch.roll(int(torch.randint(2, (), generator=generator)), 3)

    def note(*step: object) -> None:
        steps.append(step)

    network = prepare(classifier(), x)
    before = network.layers[0].layer.weight.detach().clone()
    train(network, x[:50], classifier(), budgets=[4], epochs=2, batch=20, augment=augment, progress=note)
    assert seen == [20, 20, 10] * 2 and steps[-1] == ("training", 6, 6, "step")
    assert not torch.equal(before, network.layers[0].layer.weight)


def test_what_was_trained_builds_and_answers_as_simulated(trained, tmp_path):
    """The budget given to `build` is the one trained for: the device's accuracy is the simulation's."""
    _, _, q, y = digits()
    (tmp_path / "model.tflite").write_bytes(export(trained["multi"]))
    np.savez(tmp_path / "test.npz", x=q, y=y)
    compiler.build(tmp_path / "model.tflite", "host", tmp_path / "out", budget="g=8,k=2")
    compiler.flash(tmp_path / "out")
    report = compiler.check(tmp_path / "out", data=tmp_path / "test.npz", layers=True)
    assert report.bit_exact
    assert 100 * report.accuracy == pytest.approx(accuracy(trained["multi"], 2))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (nn.Sigmoid(), "supported are Conv2d, Linear"),
        (nn.MaxPool2d(2, padding=1), "supported are"),
        (nn.Conv2d(4, 4, 3, groups=2), "2 groups"),
        (nn.Conv2d(4, 4, 3, padding="same"), "padding='same'"),
        (nn.Conv2d(4, 4, 3, padding_mode="circular", padding=1), "padding_mode='circular'"),
        (nn.Flatten(), "no Conv2d and no Linear"),
        (nn.Upsample(scale_factor=1.5), "supported are"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "supported are"),
        (nn.AdaptiveAvgPool2d(2), "supported are"),
        (nn.BatchNorm2d(4), "BatchNorm2d behind a convolution"),
        (nn.ReLU(), "ReLU and ReLU6 behind one of them"),
        (nn.Sequential(nn.Conv2d(4, 4, 3), nn.Flatten()), "end with a Linear layer"),
        (nn.Sequential(nn.Flatten(), nn.SiLU(), nn.Linear(256, 3)), "SiLU.* behind a Flatten"),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "cannot take what comes before it"),
    ],
)
def test_what_cannot_be_exported_is_refused(module, says):
    with pytest.raises(UsageError, match=says):
        prepare(nn.Sequential(module), torch.rand(2, 4, 8, 8))


def test_budgets_and_samples_that_make_no_sense_are_refused(net):
    network, _ = net
    with pytest.raises(UsageError, match="k=0"):
        network.set_budget(0)
    x, y, _, _ = digits()
    for wrong in ({"budgets": []}, {"epochs": 0}, {"batch": 0}, {"y": y[:3]}):
        with pytest.raises(UsageError, match="training needs"):
            train(network, x, **({"y": y, "budgets": [4], "epochs": 1} | wrong))


def test_without_pytorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ToolMissingError, match=r"pip install 'edge-tr\[train\]'"):
        importlib.reload(edge_tr.training)


def test_a_linear_layer_alone_needs_no_order():
    network = prepare(nn.Sequential(nn.Linear(6, 3)), torch.rand(9, 6))
    assert isinstance(network.stages[0], RevealedLayer) and network.stages[0].order is None
    assert network.stages[0].source is network.source
