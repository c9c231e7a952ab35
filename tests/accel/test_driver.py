"""The driver as it ships, under the real pynq, on a fake Zynq around the Verilated accelerator."""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr import compiler, overlays
from edge_tr.errors import EdgeTrError
from edge_tr.formats import accelerator as f
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, STATUS, Frame
from edge_tr.target.cosim import Core, build
from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files
from tests.system.helpers import DIGITS

BOARD = overlays.load("pynq-z2")


@pytest.fixture(scope="module")
def library() -> Path:
    return build()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The modules of a build's package, imported as the board would."""
    folder = tmp_path_factory.mktemp("built") / "digits"
    compiler.build(DIGITS, BOARD.name, folder)
    sys.path.insert(0, str(folder))
    names = ("agent", "driver", "errors", "overlay", "program", "throughput", "validate")
    yield SimpleNamespace(folder=folder, **{name: importlib.import_module(f"edge_tr_pynq.{name}") for name in names})
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("edge_tr_pynq")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def samples(package: SimpleNamespace) -> SimpleNamespace:
    with np.load(package.folder / "edge_tr_pynq" / "validation.npz") as arrays:
        return SimpleNamespace(x=arrays["x"], golden=arrays["golden"][-1])


class FaultyZynq(VirtualZynq):
    """A fake Zynq some of whose registers answer or take something else while `faults` are set."""

    def __init__(self, core: Core) -> None:
        super().__init__(BOARD, core)
        self.reads: dict[int, int] = {}  # address -> what it reads
        self.writes: dict[int, Callable[[int], int]] = {}  # address -> what is written instead

    def _read(self, address: int) -> int:
        value = super()._read(address)
        return self.reads.get(address, value)

    def _write(self, address: int, value: int) -> None:
        super()._write(address, self.writes.get(address, int)(value))


ACCELERATOR, DMA = BOARD.addresses["accelerator"], BOARD.addresses["dma"]
SEND_LENGTH = DMA + 0x28


@pytest.fixture
def board(library: Path) -> Iterator[FaultyZynq]:
    with Core(library) as core:
        yield FaultyZynq(core)


@pytest.fixture
def load(package: SimpleNamespace, board: FaultyZynq, tmp_path: Path) -> Callable:
    """TermOverlay on the fake board, with short patience."""

    def _load(**options: object) -> object:
        path = overlay_files(tmp_path, BOARD)
        return package.overlay.TermOverlay(path, device=board, seconds=20.0, stream_cycles=3000, **options)

    return _load


def test_pynq_binds_our_driver_and_outputs_equal_golden(
    load: Callable, board: FaultyZynq, package: SimpleNamespace, samples: SimpleNamespace
) -> None:
    overlay = load()
    assert isinstance(overlay.tr_accelerator_0, package.overlay.TermAccelerator) and board.downloads == 1
    assert overlay.interrupt_pins["tr_accelerator_0/irq"]["controller"] == "axi_intc_0"
    assert overlay.interrupt_controllers["axi_intc_0"]["raw_irq"] == 61  # the first one of IRQ_F2P
    assert np.array_equal(overlay.predict(samples.x), samples.golden)
    assert np.array_equal(overlay.predict(samples.x[0]), samples.golden[:1])  # one sample, without a batch
    (source,) = overlay.accelerator.program.inputs
    quantization = source.quantization
    real = (samples.x.astype(np.float64) - quantization.zero_point) * quantization.scale
    assert np.array_equal(overlay.predict(real), samples.golden)
    for name in ("x", source.name):  # by name it answers by name
        (output,) = overlay.predict(**{name: samples.x[:2]}).values()
        assert np.array_equal(output, samples.golden[:2])


def test_cycles_are_those_of_the_accelerator_and_add_up(load: Callable, samples: SimpleNamespace) -> None:
    accelerator = load().accelerator
    accelerator.predict(samples.x[:1])
    alone = accelerator.cycles
    accelerator.predict(samples.x)
    assert accelerator.cycles == alone  # the pipeline of samples costs the accelerator nothing
    assert 0 < sum(accelerator.layer_cycles()) < alone < 1.1 * accelerator.program.levels[0].cycles
    assert accelerator.idle_cycles(2000) - accelerator.idle_cycles(1000) == 1000
    assert 0 < accelerator.idle_cycles(0) < 1000


def test_the_next_input_is_on_its_way_before_the_last_output_came(
    load: Callable, board: FaultyZynq, samples: SimpleNamespace
) -> None:
    overlay, order = load(), []

    def note(name: str) -> Callable[[int], int]:
        return lambda value: order.append(name) or value

    board.writes = {
        SEND_LENGTH: note("send"),
        DMA + 0x58: note("receive"),
        ACCELERATOR + f.REGISTER.CONTROL: note("start"),
    }
    assert np.array_equal(overlay.predict(samples.x[:3]), samples.golden[:3])
    assert order == ["send", "receive", "start"] * 3
    order.clear()
    outputs = overlay.accelerator.stream(samples.x)
    next(outputs)
    assert order == ["send", "receive", "start"] * 2  # the second one computes while we look at the first
    outputs.close()
    board.writes.clear()
    assert board.core.pending() == 0 and np.array_equal(overlay.predict(samples.x), samples.golden)


def test_a_dma_that_is_slower_than_the_accelerator(
    load: Callable, board: FaultyZynq, samples: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end of a transfer is seen after the accelerator's: the next input waits for it."""
    overlay = load()
    real, looks, hidden = type(board)._read, [0], []

    def late(self: FaultyZynq, address: int) -> int:
        value = real(self, address)
        if address == DMA + 0x04 and looks[0] > 0:
            looks[0] -= 1
            hidden.append(address)
            return value & ~2  # not idle yet
        return value

    def sent(length: int) -> int:
        looks[0] = 6
        return length

    monkeypatch.setattr(FaultyZynq, "_read", late)
    board.writes[SEND_LENGTH] = sent
    assert np.array_equal(overlay.predict(samples.x), samples.golden)
    assert len(hidden) >= 6 * (len(samples.x) - 1)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3), np.int8), np.zeros(0, np.int8), np.zeros((1, 8, 8, 1), np.int32)])
def test_samples_of_a_wrong_shape_or_kind_are_refused(
    load: Callable, package: SimpleNamespace, wrong: np.ndarray
) -> None:
    with pytest.raises(package.errors.UsageError, match=r"samples|int8, or float32"):
        load().predict(wrong)
    with pytest.raises(package.errors.UsageError, match=r"by its name: .*; or x$"):
        load().predict(y=wrong)


def test_all_buffers_are_freed(load: Callable, board: FaultyZynq, samples: SimpleNamespace) -> None:
    overlay = load()
    overlay.predict(samples.x[:2])
    held = board.allocated
    overlay.accelerator.load(overlay.accelerator.program)
    assert board.allocated == held > 0
    overlay.accelerator.close()
    assert board.allocated == 0


# --- what is not ours is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "said"), [(f.REGISTER.ID, "bitstream is not edge-tr's"), (f.REGISTER.VERSION, "has version 77")]
)
def test_another_bitstream_is_refused(
    load: Callable, board: FaultyZynq, package: SimpleNamespace, register: int, said: str
) -> None:
    board.reads[ACCELERATOR + register] = 77
    with pytest.raises(package.errors.DeviceError, match=said):
        load()


def test_without_a_bitstream_the_message_says_how_to_make_one(package: SimpleNamespace, board: FaultyZynq) -> None:
    with pytest.raises(package.errors.UsageError, match=r"make .*overlay"):
        package.overlay.TermOverlay(device=board)


def with_load(program: object, load: np.ndarray) -> object:
    """A program of other memories, with the CRC-32 that goes with them."""
    data = load.astype("<u8").tobytes()
    crc = zlib.crc32(data[:-8])
    sealed = np.frombuffer(data[:-4] + crc.to_bytes(4, "little"), "<u8")
    return replace(program, load=sealed, crc=crc)


# --- faults end in an error, and the next inference works --------------------------------------


def fails(package: SimpleNamespace, overlay: object, x: np.ndarray, said: str) -> None:
    with pytest.raises(package.errors.DeviceError, match=said):
        overlay.predict(x)


def test_a_short_transfer(
    load: Callable, board: FaultyZynq, package: SimpleNamespace, samples: SimpleNamespace
) -> None:
    overlay = load()
    board.writes[SEND_LENGTH] = lambda length: length // 2
    fails(package, overlay, samples.x, "failed with SHORT")
    board.writes.clear()
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_a_stuck_stream(load: Callable, board: FaultyZynq, package: SimpleNamespace, samples: SimpleNamespace) -> None:
    overlay = load()
    board.writes[SEND_LENGTH] = lambda length: 0  # the DMA never starts
    fails(package, overlay, samples.x, "failed with TIMEOUT")
    board.writes.clear()
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_an_accelerator_that_hangs(
    load: Callable, board: FaultyZynq, package: SimpleNamespace, samples: SimpleNamespace
) -> None:
    overlay = load()
    overlay.accelerator.seconds = 0.2
    board.reads[ACCELERATOR + f.REGISTER.STATUS] = f.STATUS.BUSY | f.STATUS.WAITS_INPUT
    fails(package, overlay, samples.x, r"took more than 0.2 s \(command .*busy waits_input")
    board.reads.clear()
    overlay.accelerator.seconds = 20.0
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_a_dma_that_cannot_read(
    load: Callable, board: FaultyZynq, package: SimpleNamespace, samples: SimpleNamespace
) -> None:
    overlay = load()
    board.writes[DMA + 0x18] = lambda address: 0x10
    fails(package, overlay, samples.x, "failed with TIMEOUT.*DMA status 0x.*1 sending")
    board.writes.clear()
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_a_corrupted_program(load: Callable, package: SimpleNamespace, samples: SimpleNamespace) -> None:
    overlay = load()
    good = overlay.accelerator.program
    bad = good.load.copy()
    bad[7] ^= np.uint64(1 << 20)
    with pytest.raises(package.errors.DeviceError, match="failed with CRC"):
        overlay.accelerator.load(replace(good, load=bad))
    overlay.accelerator.load(good)
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_an_unknown_command(load: Callable, package: SimpleNamespace, samples: SimpleNamespace) -> None:
    overlay = load()
    good = overlay.accelerator.program
    bad = good.load.copy()
    beats = f.COMMAND.size // 8
    bad[1 + 2 * beats] = bad[1 + 2 * beats] & ~np.uint64(0xFF) | np.uint64(99)  # the opcode of command 2
    overlay.accelerator.load(with_load(good, bad))
    fails(package, overlay, samples.x, "failed with OPCODE.*command 2")
    overlay.accelerator.load(good)
    assert np.array_equal(overlay.predict(samples.x), samples.golden)


def test_a_reset_in_mid_inference(load: Callable, samples: SimpleNamespace) -> None:
    accelerator = load().accelerator
    steps = accelerator.run_layers(samples.x[0], 3)
    next(steps)
    accelerator.dma.sendchannel.transfer(accelerator._slots[0][0].sent)
    accelerator._segment(accelerator.program.levels[0].segments[0].entry, f.NO_STOP.value)
    accelerator.reset()
    assert accelerator.ip.read(f.REGISTER.ERROR) == f.ERROR.RESET
    assert np.array_equal(accelerator.predict(samples.x), samples.golden)


# --- programs on disk, and the scripts ---------------------------------------------------------


def test_a_damaged_or_missing_program_is_refused(package: SimpleNamespace, tmp_path: Path) -> None:
    source = package.folder / "edge_tr_pynq"
    with pytest.raises(package.errors.UsageError, match=r"program.json is missing"):
        package.program.read_program(tmp_path)
    text = (source / "program.json").read_text()
    (tmp_path / "program.json").write_text(text)
    with pytest.raises(package.errors.UsageError, match=r"program.npz is missing"):
        package.program.read_program(tmp_path)
    (tmp_path / "program.npz").write_bytes((source / "program.npz").read_bytes()[:500])
    with pytest.raises(package.errors.EdgeTrError, match="damaged"):
        package.program.read_program(tmp_path)
    (tmp_path / "program.json").write_text(text.replace(f'"format": {package.program.FORMAT}', '"format": 9'))
    with pytest.raises(package.errors.UsageError, match="another edge-tr"):
        package.program.read_program(tmp_path)


def test_validation_counts_what_differs(load: Callable, package: SimpleNamespace, tmp_path: Path) -> None:
    overlay = load()
    text, same = package.validate.compare(overlay, package.folder / "edge_tr_pynq" / "validation.npz")
    assert same and "10 of 10 outputs equal" in text
    with np.load(package.folder / "edge_tr_pynq" / "validation.npz") as arrays:
        golden = arrays["golden"].copy()
        golden[0, 3, 0] ^= 1
        y = arrays["golden"][0].argmax(axis=1)
        np.savez(tmp_path / "wrong.npz", x=arrays["x"], golden=golden, y=y)
    text, same = package.validate.compare(overlay, tmp_path / "wrong.npz")
    assert not same and "9 of 10 outputs equal" in text and "accuracy 100.00%" in text
    np.savez(tmp_path / "other.npz", x=np.load(tmp_path / "wrong.npz")["x"], golden=golden[:, :3])
    with pytest.raises(package.errors.UsageError, match=r"golden has shape \(1, 3, 10\), not \(1 budgets, samples"):
        package.validate.compare(overlay, tmp_path / "other.npz")


def test_a_file_of_samples_without_samples_is_refused(package: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(package.errors.UsageError, match=r"give an \.npz with x"):
        package.validate.read(tmp_path / "none.npz")
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 8, 8, 1), np.int8))
    with pytest.raises(package.errors.UsageError, match="x has no sample"):
        package.validate.read(tmp_path / "empty.npz")


def test_throughput_is_inferences_by_the_processors_clock(
    load: Callable, package: SimpleNamespace, samples: SimpleNamespace
) -> None:
    ticks = iter([10.0, 11.0, 12.0, 13.0])  # start, then after each batch
    rate = package.throughput.measure(load(), samples.x[:3], 4, 2.5, lambda: next(ticks))
    assert (rate.batch, rate.inferences, rate.seconds, rate.per_second) == (4, 12, 3.0, 4.0)
    text = package.throughput.table([rate], 100_000_000)
    assert "4.0" in text and "250.000" in text and "wall time" in text


# --- the agent's frames ------------------------------------------------------------------------


@pytest.fixture
def ask(load: Callable, package: SimpleNamespace) -> Callable[..., Frame]:
    """One request to the agent, its reply."""
    agent = package.agent.Agent(load().accelerator)

    def _ask(command: int, payload: bytes = b"", sample: int = 0, version: int = frames.LINK_VERSION.value) -> Frame:
        wire = frames.encode(Frame(command, 5, sample, payload=payload, version=version))
        reply = frames.decode(agent.answer(wire.strip(b"\0")).strip(b"\0"))
        assert reply.sequence == 5 and reply.command == command | frames.REPLY_BIT.value
        return reply

    _ask.agent = agent
    return _ask


def transfer(offset: int, count: int, layer: int = 0) -> bytes:
    return frames.TRANSFER.pack(offset=offset, count=count, layer=layer)


def infer(stop: int = frames.ALL_LAYERS.value, digests: int = 0) -> bytes:
    return frames.INFER_REQUEST.pack(stop_layer=stop, digests=digests)


def test_the_agent_refuses_what_the_firmware_refuses(ask: Callable[..., Frame], samples: SimpleNamespace) -> None:
    x = samples.x[0].tobytes()
    assert frames.decode(ask.agent.answer(b"\x03\x07").strip(b"\0")).status == STATUS.NAK
    assert ask(COMMAND.HELLO, version=9).status == STATUS.BAD_VERSION
    assert ask(99).status == STATUS.BAD_COMMAND
    assert ask(COMMAND.HELLO, b"x").status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.INFER, infer()).status == STATUS.BAD_STATE  # nothing is loaded
    assert ask(COMMAND.LOAD_INPUT, transfer(60, 8) + bytes(8)).status == STATUS.BAD_ARGUMENT  # past the end
    assert ask(COMMAND.LOAD_INPUT, transfer(0, 9) + bytes(8)).status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.LOAD_INPUT, transfer(8, 8) + bytes(8)).status == STATUS.BAD_STATE  # a gap
    assert ask(COMMAND.LOAD_INPUT, transfer(0, 64) + x, 7).status == STATUS.OK
    assert ask(COMMAND.INFER, infer(), 8).status == STATUS.BAD_STATE  # another sample
    assert ask(COMMAND.INFER, infer(stop=6), 7).status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.READ_OUTPUT, transfer(0, 10), 7).status == STATUS.BAD_STATE  # has not run
    assert ask(COMMAND.INFER, infer(), 7).status == STATUS.OK
    assert ask(COMMAND.INFER, infer(stop=2), 7).status == STATUS.BAD_STATE  # it ran to the end
    assert ask(COMMAND.READ_DIGESTS, transfer(0, 6), 7).status == STATUS.BAD_STATE  # none were asked for
    assert ask(COMMAND.READ_OUTPUT, transfer(1, 10), 7).status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.READ_LAYER, transfer(0, 1, layer=6), 7).status == STATUS.BAD_ARGUMENT
    assert ask(COMMAND.READ_LAYER, transfer(0, 1, layer=2), 7).status == STATUS.BAD_STATE
    assert ask(COMMAND.READ_COST, transfer(0, 7), 7).status == STATUS.BAD_ARGUMENT
    reply = ask(COMMAND.READ_OUTPUT, transfer(0, 10), 7)
    assert reply.status == STATUS.OK and reply.payload == samples.golden[0].tobytes()


def test_repeated_requests_do_the_work_once(ask: Callable[..., Frame], samples: SimpleNamespace) -> None:
    assert ask(COMMAND.LOAD_INPUT, transfer(0, 64) + samples.x[1].tobytes()).status == STATUS.OK
    first = ask(COMMAND.INFER, infer())
    runs = []
    ask.agent._run = lambda *arguments: runs.append(arguments)
    assert ask(COMMAND.INFER, infer()) == first and not runs
    assert ask(COMMAND.RESET).status == STATUS.OK
    assert ask(COMMAND.INFER, infer()).status == STATUS.BAD_STATE


def test_an_error_of_the_hardware_is_told_and_does_not_end_the_agent(
    ask: Callable[..., Frame], board: FaultyZynq, samples: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(COMMAND.LOAD_INPUT, transfer(0, 64) + samples.x[1].tobytes())
    board.writes[SEND_LENGTH] = lambda length: 0
    assert ask(COMMAND.INFER, infer()).status == STATUS.BAD_STATE
    assert "TIMEOUT" in capsys.readouterr().out
    board.writes.clear()
    ask(COMMAND.LOAD_INPUT, transfer(0, 64) + samples.x[1].tobytes())
    assert ask(COMMAND.INFER, infer()).status == STATUS.OK


def test_errors_of_the_package_are_the_hosts_by_name(package: SimpleNamespace) -> None:
    assert package.errors.DeviceError.exit_code == 6 and package.errors.UsageError.exit_code == 2
    assert package.errors.EdgeTrError.__name__ == EdgeTrError.__name__
