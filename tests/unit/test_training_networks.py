"""Training of networks with branches: a detector of YOLOv5's kind and a MobileNetV2, in small, against golden and the
interpreter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edge_tr import compiler
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.reproduction import detection
from edge_tr.reproduction.mobilenet import InvertedResidual
from edge_tr.reproduction.scenes import Scenes
from edge_tr.reproduction.yolo import C3, Detector
from edge_tr.tr.requant import Rounding
from edge_tr.training import RevealedNetwork, export, prepare
from edge_tr.training.grid import Grid
from edge_tr.training.loop import optimise
from edge_tr.training.stages import Swish
from edge_tr.training.train import resolve

WIDTHS = (4, 4, 8, 8, 8)


def with_statistics(network: nn.Module, x: torch.Tensor) -> nn.Module:
    """Batch normalisations see the data first: folded, they are not the identity."""
    torch.manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            module.momentum = None  # the mean of what it has seen
    network.train()
    with torch.no_grad():
        network(x)
    return network.eval()


def detector() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(1)
    x = torch.rand((8, 1, 64, 32), generator=torch.Generator().manual_seed(5))
    return with_statistics(Detector(WIDTHS), x), x


def mobilenet() -> tuple[nn.Module, torch.Tensor]:
    """Inverted residuals with a shortcut and with a stride, a sum with a ReLU6 behind it, global pooling."""
    torch.manual_seed(1)
    x = torch.randn((12, 3, 13, 10), generator=torch.Generator().manual_seed(5))
    network = nn.Sequential(
        InvertedResidual(3, 8, 2, 4),
        InvertedResidual(8, 8, 1, 2),
        Shortcut(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(8, 4),
    )
    return with_statistics(network, x), x


class Shortcut(nn.Module):
    """relu6(x + conv(x)), as in ResNets."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU6()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(x + self.conv(x))


@pytest.fixture(scope="module", params=[detector, mobilenet], ids=["detector", "mobilenet"])
def prepared(request) -> tuple[RevealedNetwork, nn.Module, torch.Tensor]:
    """The network, the float one that it was made of, and the samples that it was prepared on."""
    network, x = request.param()
    return prepare(network, x).eval(), network, x


def samples(network: RevealedNetwork, count: int = 3) -> np.ndarray:
    """int8 noise, channels last."""
    channels, *size = network.shapes[0]
    return np.random.default_rng(0).integers(-128, 128, (count, *size, channels)).astype(np.int8)


def channels_first(q: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(q.transpose(0, 3, 1, 2)))


def channels_last(found: torch.Tensor | tuple[torch.Tensor, ...]) -> list[np.ndarray]:
    outputs = found if isinstance(found, tuple) else (found,)
    return [y.permute(0, 2, 3, 1).numpy() if y.dim() == 4 else y.numpy() for y in outputs]


def test_the_simulation_is_the_interpreters_answer(prepared):
    """Of all outputs, bit for bit."""
    network, *_ = prepared
    q, data = samples(network), export(network, softmax=False)
    graph, simulated = parse(data), channels_last(network.integers(channels_first(q)))
    tensors = run(graph, q, keep="all").tensors
    for y, index in zip(simulated, graph.outputs, strict=True):
        np.testing.assert_array_equal(y, tensors[index])
    if set(reference_info().rounding.values()) <= {Rounding.DOUBLE}:
        answers = Oracle(data).outputs(q)
        for y, index in zip(simulated, graph.outputs, strict=True):
            np.testing.assert_array_equal(y, answers[index])


def test_with_every_term_it_is_the_float_network_but_for_rounding(prepared):
    """Batch normalisations are folded and values go where the float network takes them."""
    network, original, x = prepared
    with torch.no_grad():
        wanted, got = original(x), network(x)
    for y, real in zip(*(v if isinstance(v, tuple) else (v,) for v in (got, wanted)), strict=True):
        assert torch.corrcoef(torch.stack([y.flatten(), real.flatten()]))[0, 1] > 0.99
        assert (y - real).abs().mean() < 0.15 * real.std()


@pytest.mark.parametrize("budget", [None, 5])
def test_training_computes_what_the_file_does_but_for_ties(prepared, budget):
    """Each stage from the exact values before it: at most one step away, SiLU, which has two operators, two; and seldom
    (measured: 4 of 1000 values, nearly all behind the MUL of SiLU, where TFLite rounds at a seventh binary place
    first).
    """
    network, *_ = prepared
    network.set_budget(budget)
    exact = network._values(channels_first(samples(network)).float() - network.source.zero_point)
    different, total = 0, 0
    for stage, inputs, y in zip(network.stages, network.inputs, exact[1:], strict=True):
        if isinstance(stage, nn.Dropout):
            continue
        stage.train()
        away = (stage(*(exact[i] for i in inputs)) - y).abs()
        stage.eval()
        assert away.max() <= (2 if isinstance(stage, Swish) else 1)
        different, total = different + int((away > 0).sum()), total + away.numel()
    network.set_budget(None)
    assert total > 1000 and different <= 0.01 * total


def test_values_that_only_move_share_a_grid():
    network = prepare(*detector())
    kinds = [(type(stage).__name__, position) for position, stage in enumerate(network.stages)]
    moving = [position for name, position in kinds if name in ("Beside", "Upsample", "MaxPool2d")]
    assert len(moving) == 18
    for position in moving:
        assert all(network.grids[i] is network.grids[position + 1] for i in network.inputs[position])


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    """Float and revealed: the same weights, at every bit."""
    x = torch.rand((8, 4, 8, 8), generator=torch.Generator().manual_seed(3))
    target = torch.rand((8, 4, 8, 8), generator=torch.Generator().manual_seed(4))

    def train(steps: int, kept=None, stop=None) -> dict[str, torch.Tensor]:
        torch.manual_seed(7)
        network = nn.Sequential(C3(4, 4), nn.Dropout(0.5), nn.Conv2d(4, 4, 1))
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

        def loss(step: int, generator: torch.Generator) -> torch.Tensor:
            if step == stop:
                raise KeyboardInterrupt
            return ((network(x + torch.randn(x.shape, generator=generator)) - target) ** 2).mean()

        optimise(network, optimizer, schedule, loss, steps, kept=kept, seed=1)
        return network.state_dict()

    kept = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        train(60, kept, stop=57)
    assert kept.exists()
    continued, whole = train(60, kept), train(60)
    assert all(torch.equal(continued[name], whole[name]) for name in whole)


def test_a_detector_is_trained_for_several_budgets_and_built(tmp_path):
    """A few steps: the loss falls, and what is exported, with the budget, is bit-exact on the host."""
    rng = np.random.default_rng(0)
    q = rng.integers(-128, 128, (4, 32, 32, 1)).astype(np.int8)
    boxes, classes = np.array([[2, 3, 14, 15], [16, 8, 30, 30]], np.float32), np.array([1, 7])
    truth = Scenes(q[..., 0], [boxes] * 4, [classes] * 4)
    x = (channels_first(q).float() + 128) / 255

    @torch.no_grad()
    def at(network: RevealedNetwork, budget: int) -> float:
        network.set_budget(budget)
        return float(detection.loss(network(x), truth))

    torch.manual_seed(0)
    original = Detector(WIDTHS)
    for module in original.modules():
        module.momentum = 0.3  # of batch normalisations, for few steps
    optimizer = torch.optim.Adam(original.parameters(), 1e-2)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        values.append(detection.loss(original(x), truth))
        values[-1].backward()
        optimizer.step()
    assert float(values[-1].detach()) < 0.7 * float(values[0].detach())
    network = prepare(original, x)
    plain = at(network, 6)
    resolve(network, lambda step, generator: (x, truth), detection.DETECTION, budgets=(6, 16), steps=20, rate=1e-2)
    assert at(network, 6) < 0.9 * plain
    (tmp_path / "model.tflite").write_bytes(export(network))
    np.savez(tmp_path / "scenes.npz", x=q)
    compiler.build(tmp_path / "model.tflite", "host", tmp_path / "out", budget="g=8,k=6")
    compiler.flash(tmp_path / "out")
    report = compiler.check(tmp_path / "out", data=tmp_path / "scenes.npz", layers=True)
    assert report.bit_exact and report.samples == 4


@pytest.mark.parametrize(("top", "activation", "limits"), [(9.0, "RELU6", (-128, 42)), (9.0, "RELU", (-128, 127))])
def test_limits_of_an_activation_are_those_of_the_grid(top, activation, limits):
    assert Grid(0.0, top).limits(activation) == limits
