"""`build --protocol`: other people's clients, in our own words, on emulated boards through a real UART.

The runners' own classes are run by `python -m tests.clients.runners`, docs/clients.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import serial

from edge_tr.golden.ends import samples_of
from edge_tr.golden.run import run as golden
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from edge_tr.target.expected import Expected
from tests.clients import wire
from tests.clients.wire import Mlperf, St
from tests.firmware.test_protocols_c import quantised, reals
from tests.system.helpers import DIGITS, place, refused, run, succeed
from tests.system.test_emulate import emulate

BOARD = "mps2-an386"
TRANSCRIPTS = Path(__file__).parents[1] / "clients" / "transcripts"


def built(folder: Path, model: Path, board: str, *options: str) -> Path:
    succeed("build", model, "--target", board, "-o", folder, *options)
    place(folder, board)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / BOARD
    return built(folder, DIGITS, BOARD, "--protocol", "mlperf,st", "--mlperf", "kws01")


def opened(url: str) -> serial.SerialBase:
    """A port whose board has started; what it says then is read."""
    port = serial.serial_for_url(url, 115200, timeout=20)
    assert port.read_until(b"m-ready\r\n").endswith(b"m-init-done\r\nm-ready\r\n")
    return port


def seeded(folder: Path, count: int = 2) -> np.ndarray:
    graph = tflite.load(BuildFolder(folder).model)
    shape = (count, *graph.named_inputs[0].shape[1:])
    return np.random.default_rng(31).integers(-128, 128, shape).astype(np.int8)


def expected(folder: Path) -> Expected:
    """Golden of the build's only budget."""
    build = BuildFolder(folder)
    return Expected([tflite.load(build.revealed)], 0, build.read())


def assert_layers_are_goldens(client: St, folder: Path, x: np.ndarray) -> None:
    """Every tensor, and times that add up."""
    of = expected(folder)
    (name,) = client.model()[1]
    for sample in x:
        taken, layers, (output,) = client.run(name.decode(), [sample.tobytes()], 5)
        tensors = of.tensors(samples_of(of.graph, sample[None]))
        assert [layer.name for layer in layers] == [layer.name for layer in of.manifest.layers]
        for layer, got in zip(of.manifest.layers, layers):
            assert np.array_equal(got.tensor.data, tensors[layer.tensor_index]), layer.name
            assert got.milliseconds > 0 or "host" in of.manifest.target
        assert np.array_equal(output.data, of.outputs(samples_of(of.graph, sample[None]))[of.graph.outputs[0]])
        assert taken == pytest.approx(sum(layer.milliseconds for layer in layers), rel=1e-4, abs=1e-6)


def assert_results_are_goldens(client: Mlperf, folder: Path, x: np.ndarray, offset: int = 0) -> None:
    graph = tflite.load(BuildFolder(folder).model)
    for sample in x:
        client.load((sample.astype(np.int32) + offset).astype(np.uint8).tobytes())
        results, _ = client.infer(2, 1)
        assert results == [float(f"{v:.3f}") for v in reals(graph, golden(graph, sample[None]).output).ravel()]


def test_three_clients_in_turn_on_one_image_through_a_pseudo_terminal(digits: Path) -> None:
    x = seeded(digits)
    with emulate(digits, "--pty") as url:
        with opened(url) as port:
            text, st = Mlperf(port), St(port)
            assert text.name() == "edge-tr" and text.profile()["model"] == "kws01"
            assert st.sync()[0] == 0x0301
            assert_results_are_goldens(text, digits, x)
            assert_layers_are_goldens(st, digits, x[:1])
            (once, twice) = (text.infer(n, 0)[1] for n in (1, 2))
            assert twice == pytest.approx(2 * once, rel=0.02) and once > 1000
        ran = succeed("check", digits, "--port", url, "--limit", 2, "--layers", "--json").json
        assert ran["bit_exact"] and ran["samples"] == 2
        with serial.serial_for_url(url, 115200, timeout=20) as port:
            assert St(port).sync()[0] == 0x0301 and Mlperf(port).name() == "edge-tr"
            assert_layers_are_goldens(St(port), digits, x[1:])


def test_keyword_spotting_is_known_by_its_shape_and_runs_over_tcp(tmp_path: Path, shared: Path) -> None:
    folder = tmp_path / BOARD
    told = succeed("build", shared / "models" / "kws_ref_model.tflite", "--target", BOARD, "-o", folder,
                   "--protocol", "mlperf,st", "--json").json  # fmt: skip
    assert any("as kws01, as its 490 inputs and 12 outputs say" in note for note in told["notes"])
    place(folder, BOARD)
    x = seeded(folder, 1)
    with emulate(folder, "--tcp", 0) as url, opened(url) as port:
        assert Mlperf(port).profile()["model"] == "kws01"
        assert_results_are_goldens(Mlperf(port), folder, x)
        assert_layers_are_goldens(St(port), folder, x)


MODELS = {"ic01": "pretrainedResnet_quant", "vww01": "vww_96_int8", "ad01": "ad01_int8"}


@pytest.mark.parametrize("benchmark", MODELS)
def test_the_other_benchmarks_take_inputs_as_their_runner_sends_them(
    benchmark: str, tmp_path: Path, shared: Path
) -> None:
    """On this computer, by the shape of each model."""
    model = shared / "models" / f"{MODELS[benchmark]}.tflite"
    folder = built(tmp_path / "host", model, "host", "--protocol", "mlperf,st")
    x = seeded(folder, 1)
    with emulate(folder, "--tcp", 0, board="host") as url, opened(url) as port:
        assert Mlperf(port).profile()["model"] == benchmark
        if benchmark == "ad01":
            assert_error_is_goldens(Mlperf(port), folder)
        else:
            assert_results_are_goldens(Mlperf(port), folder, x, 128)
        assert_layers_are_goldens(St(port), folder, x)


def assert_error_is_goldens(client: Mlperf, folder: Path) -> None:
    graph = tflite.load(BuildFolder(folder).model)
    of = graph.named_inputs[0].quantization
    values = np.random.default_rng(32).normal(0, 20, 640).astype("<f4")
    client.load(values.tobytes())
    (result,), _ = client.infer(1, 0)
    given = quantised(values, np.float32(of.scale[0]), int(of.zero_point[0]))[None]
    errors = (reals(graph, golden(graph, given).output).ravel() - values).astype(np.float64)
    assert result == pytest.approx(float(np.mean(errors**2)), abs=6e-4, rel=1e-5)


# --- what the runners' own classes said, and were told -------------------------------------------------------------


def conversation(name: str) -> list[tuple[str, bytes]]:
    """Pieces that went "to" and came "from" the board, as `tests.clients.runners` recorded them."""
    return [(way, bytes.fromhex(data)) for way, data in json.loads((TRANSCRIPTS / f"{name}.json").read_text())["wire"]]


class Transcript:
    """A port that answers as the board did, and whose writer must say what the runner did."""

    def __init__(self, name: str) -> None:
        pieces = conversation(name)
        self.said = b"".join(data for way, data in pieces if way == "to")
        self._answers = b"".join(data for way, data in pieces if way == "from")
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data
        assert self.said.startswith(self.written)

    def read(self, count: int) -> bytes:
        data, self._answers = self._answers[:count], self._answers[count:]
        return data


def test_our_client_says_what_mlperf_tinys_runner_said_and_understands_the_answers() -> None:
    port, x = Transcript("mlperf"), np.arange(64, dtype=np.uint8)
    client = Mlperf(port)
    assert client.name() == "edge-tr"
    assert client.profile()["model"] == "kws01"
    assert client.ask("timestamp")[0].startswith("m-lap-us-")
    client.load(x.tobytes())
    results, microseconds = client.infer(3, 1)
    assert len(results) == 10 and sum(results) == pytest.approx(1, abs=0.01) and microseconds > 0
    assert len(client.ask("help")) == 12
    assert port.written == port.said


def test_our_client_says_what_sts_runner_said_and_understands_the_answers() -> None:
    """Connecting, the model's description, a run of one sample with layers and data."""
    port, x = Transcript("st"), np.arange(64, dtype=np.uint8)
    client = St(port)
    assert client.sync()[0] == 0x0301
    (name,) = client.model(0)[1]
    assert client.refused(wire.MODEL_INFO, 1) == 4
    client.system()
    _, layers, (output,) = client.run(name.decode(), [x.tobytes()], 1 | 2 | 4)
    assert len(layers) == 6 and output.shape == (1, 10)
    assert port.written == port.said


@pytest.mark.parametrize("name", ["mlperf", "st"])
def test_the_board_answers_the_recorded_runner_as_it_did(name: str, digits: Path) -> None:
    """But for times (numbers in lines, floats in messages), and the size of the arena, which is the planner's."""
    with emulate(digits, "--tcp", 0) as url, opened(url) as port:
        for way, data in conversation(name):
            if way == "to":
                port.write(data)
                continue
            lines = data.count(b"\n") if name == "mlperf" else 0
            got = b"".join(port.read_until(b"\n") for _ in range(lines)) or port.read(len(data))
            assert same(name, got) == same(name, data)


def same(name: str, data: bytes) -> bytes:
    """Without what differs."""
    if name == "mlperf":
        return re.sub(rb"m-lap-us-\d+", b"m-lap-us", data)
    body = b"".join(data[i + 1 : i + 33] for i in range(0, len(data), 33)) if len(data) % 33 == 0 else data
    body = re.sub(rb"\x7a.\x0a\x05arena.*?\x40\x00\x48\x08", b"", body, flags=re.DOTALL).rstrip(b"\0")
    return re.sub(rb"\x25....(\x28\x00)", rb"\1", body, flags=re.DOTALL)


# --- what cannot be ------------------------------------------------------------------------------------------------


REFUSED = {
    ("mps2-an386", "mlperf"): (2, "64 inputs and 10 outputs is none of its benchmarks", "--mlperf NAME"),
    ("mps2-an386", "mlperf,dap"): (2, "--protocol dap: there are mlperf, st"),
    ("mps2-an386", "mlperf", "--mlperf", "sww01"): (2, "--mlperf sww01: there are kws01, ic01, vww01, ad01"),
    ("mps2-an386", "st", "--mlperf", "kws01"): (2, "--mlperf kws01 needs --protocol mlperf"),
    ("mps2-an386", "mlperf", "--mlperf", "ad01"): (2, "compares the output with the input"),
    ("qemu-rv32imc", "st"): (2, "qemu-rv32imc has no clock: its counter counts instructions"),
    ("pynq-z2", "st"): (2, "pynq-z2 is an accelerator"),
}


@pytest.mark.parametrize("case", REFUSED, ids=" ".join)
def test_what_cannot_be_is_refused_with_the_reason(case: tuple[str, ...], tmp_path: Path) -> None:
    board, protocol, *options = case
    code, *words = REFUSED[case]
    ran = run("build", DIGITS, "--target", board, "-o", tmp_path / "out", "--protocol", protocol, *options)
    refused(ran, code, *words)
    assert not (tmp_path / "out").exists()


def test_models_with_states_or_several_ends_are_not_mlperfs(tmp_path: Path) -> None:
    from tests.models.with_ends import shared_ends, stream

    for data, word in ((stream(), "states"), (shared_ends(), "one int8 input and one int8 output")):
        model = tmp_path / "model.tflite"
        model.write_bytes(data)
        refused(run("build", model, "--target", "host", "-o", tmp_path / "out", "--protocol", "mlperf"), 2, word)


def test_without_protocols_nothing_of_them_is_built(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", BOARD, "-o", tmp_path / "out")
    build = BuildFolder(tmp_path / "out")
    names = {path.name for path in build.sources.rglob("*") if path.is_file()}
    assert "link.c" in names and not names & {"dispatch.c", "mlperf.c", "st.c", "protocols_built.h", "pb.h"}
    assert b"m-ready" not in build.image.read_bytes()
    assert "nanopb" not in build.bill.read_text()


def test_the_bill_names_the_licence_of_what_others_wrote(digits: Path) -> None:
    parts = json.loads(BuildFolder(digits).bill.read_text())["components"]
    licences = {part["name"]: json.dumps(part.get("licenses")) for part in parts}
    assert "Zlib" in licences["firmware/third_party/nanopb/pb_encode.c"]
    assert "Apache-2.0" in licences["firmware/app/st.c"]
