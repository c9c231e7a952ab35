"""The runners' own classes against an emulated board: MLPerf Tiny's DUT, ST's AiRunner. Their code is not here.

EDGE_TR_MLPERF_RUNNER=.../tiny/benchmark/runner EDGE_TR_ST_RUNNER=.../stm32ai-modelzoo-services/common \\
    python -m tests.clients.runners [--record] [--python PYTHON]

PYTHON is one that has what they import (pyserial; colorama, tqdm, numpy below 2 and protobuf 3.20). A variable that is
not set is an error: it says where the checkout is. `--record` writes tests/clients/transcripts, which tests replay.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_tr.golden.run import run as golden
from edge_tr.ir import tflite
from tests.firmware.test_protocols_c import reals
from tests.system.helpers import DIGITS, place, succeed
from tests.system.test_emulate import BOARD, emulate

TRANSCRIPTS = Path(__file__).with_name("transcripts")
INPUT = np.arange(64, dtype=np.int8).reshape(1, 8, 8, 1)
MLPERF = """\
import json, sys
from device_under_test import DUT
with DUT(sys.argv[1], 115200) as dut:
    found = dict(name=dut.get_name(), model=dut.get_model(), profile=dut.get_profile(), lap=dut.timestamp())
    found.update(load=dut.load(bytes(range(64))), infer=dut.infer(3, 1), help=dut.get_help())
print("FOUND " + json.dumps(found))
"""
ST = """\
import json, sys
import numpy as np
from stm_ai_runner import AiRunner
runner = AiRunner()
assert runner.connect(f"serial:{sys.argv[1]}:115200"), runner.get_error()
runner.summary()
x = np.arange(64, dtype=np.int8).reshape(1, 8, 8, 1)
outputs, profile = runner.invoke(x, mode=AiRunner.Mode.PER_LAYER_WITH_DATA)
keys = ("name", "layer_desc", "c_durations")
nodes = [[*(node[key] for key in keys), node["data"][0].tolist()] for node in profile["c_nodes"]]
print("FOUND " + json.dumps(dict(names=runner.names, output=outputs[0].tolist(), nodes=nodes)))
runner.disconnect()
"""


class Wire:
    """A pseudo-terminal before a board's TCP port; keeps what passes."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("socket://").partition(":")
        self._board = socket.create_connection((host, int(port)))
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.name, self.passed = os.ttyname(self._theirs), []
        while not self._board.recv(4096).endswith(b"m-ready\r\n"):
            pass  # it starts
        for way in (self._to_board, self._from_board):
            threading.Thread(target=way, daemon=True).start()

    def _to_board(self) -> None:
        while data := os.read(self._ours, 4096):
            self._keep("to", data)
            self._board.sendall(data)

    def _from_board(self) -> None:
        while data := self._board.recv(4096):
            self._keep("from", data)
            os.write(self._ours, data)

    def _keep(self, way: str, data: bytes) -> None:
        if self.passed and self.passed[-1][0] == way:
            self.passed[-1][1] += data.hex()
        else:
            self.passed.append([way, data.hex()])


@contextlib.contextmanager
def board() -> Iterator[tuple[Wire, Path]]:
    """The digits model on an emulated board, and its build."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / BOARD
        succeed("build", DIGITS, "--target", BOARD, "-o", folder, "--protocol", "mlperf,st", "--mlperf", "kws01")
        place(folder, BOARD)
        with emulate(folder, "--tcp", 0) as url:
            yield Wire(url), folder


def found(python: str, program: str, variable: str, port: str) -> dict:
    """What a program with the runner's classes prints."""
    checkout = os.environ.get(variable)
    if checkout is None:
        sys.exit(f"{variable} is not set: it says where the runner's checkout is, see docs/clients.md")
    done = subprocess.run(
        [python, "-c", program, port], env={**os.environ, "PYTHONPATH": checkout}, stdout=subprocess.PIPE, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    print(done.stdout)
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    graph = tflite.load(DIGITS)
    result = golden(graph, INPUT, keep="all")
    for name, program, variable in (
        ("mlperf", MLPERF, "EDGE_TR_MLPERF_RUNNER"),
        ("st", ST, "EDGE_TR_ST_RUNNER"),
    ):
        with board() as (wire, _):
            told = found(asked.python, program, variable, wire.name)
        if name == "mlperf":
            values = ",".join(f"{value:.3f}" for value in reals(graph, result.output).ravel())
            assert f"m-results-[{values}]" in told["infer"] and told["model"] == "kws01", told
        else:
            assert told["output"] == result.output.tolist(), told
            assert [np.shape(node[3]) for node in told["nodes"]][-1] == (1, 10) and len(told["nodes"]) == 6
        print(f"{name}: as golden")
        if asked.record:
            TRANSCRIPTS.mkdir(exist_ok=True)
            (TRANSCRIPTS / f"{name}.json").write_text(json.dumps({"wire": wire.passed}, indent=1) + "\n")


if __name__ == "__main__":
    main()
