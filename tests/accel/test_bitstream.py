"""The way to a bitstream, as far as it can be known without Vivado: `vivado` is a fake, or tclsh with stub commands."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge_tr import overlays
from edge_tr.accel import lower_accel
from edge_tr.codegen import overlay as codegen
from edge_tr.ir import tflite
from edge_tr.prepared.budget import parse
from edge_tr.target import cosim, vivado
from edge_tr.target.virtual_zynq import overlay_files
from tests.system.helpers import DIGITS, run, succeed

BOARD = overlays.load("pynq-z2")
STUBS = Path(__file__).with_name("stubs.tcl")
FAKE = f"""#!{sys.executable}
# A fake vivado: notes how it is called and leaves files that are no bitstream.
import os, pathlib, sys
pathlib.Path(os.environ["FAKE_LOG"]).open("a").write(repr([os.getcwd(), *sys.argv[1:]]) + "\\n")
print("edge-tr: step 3 of 6: synthesis")
if os.environ.get("FAKE_FAILS"):
    sys.exit("ERROR: timing failed: worst slack of SETUP is -1.2 ns")
for suffix in ("bit", "hwh"):
    pathlib.Path(sys.argv[-1], f"tr_accelerator.{{suffix}}").write_text("a fake vivado's, no bitstream")
"""


@pytest.fixture(scope="module")
def tree() -> Mapping[str, bytes]:
    program = lower_accel(tflite.load(DIGITS), parse("lossless"))
    return codegen.source_tree(program, BOARD, DIGITS.name)


@pytest.fixture
def sources(tree: Mapping[str, bytes], tmp_path: Path) -> Path:
    """The build's vivado/ folder."""
    for name, data in tree.items():
        if name.startswith("vivado/"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return tmp_path / "vivado"


def tcl(sources: Path, slack: str = "0.1", clock: str = "100.0") -> tuple[subprocess.CompletedProcess, list[list[str]]]:
    """overlay.tcl under tclsh with stubs for Vivado's commands; what it called, braces and substitutions resolved."""
    out, runs, calls = (sources.parent / name for name in ("out", "runs", "calls"))
    out.mkdir()
    runs.mkdir()
    (runs / "overlay_wrapper.bit").write_text("no bitstream")
    environment = {
        "CALLS": str(calls), "OUT": str(out), "RUN_FOLDER": str(runs), "SCRIPT": str(sources / "overlay.tcl"),
        "SLACK": slack, "CLOCK": clock,
    }  # fmt: skip
    done = subprocess.run(["tclsh", str(STUBS)], env=os.environ | environment, capture_output=True, text=True)
    return done, [shlex.split(re.sub(r"[{}]", '"', line)) for line in calls.read_text().splitlines()]


def test_the_script_runs_to_its_end_and_leaves_what_the_package_loads(sources: Path) -> None:
    done, calls = tcl(sources)
    assert done.returncode == 0, done.stderr
    steps = re.findall(r"edge-tr: step (\d) of (\d)", done.stdout)
    assert steps == [(str(n), str(codegen.VIVADO_STEPS)) for n in range(1, codegen.VIVADO_STEPS + 1)]
    assert sorted(path.name for path in (sources.parent / "out").iterdir()) == sorted(vivado.FILES)
    added = next(call for call in calls if call[0] == "add_files")[2].split()
    assert [Path(name).relative_to(sources) for name in added] == [
        Path("tr_accelerator_ip.v"), *(path.relative_to(sources) for path in cosim.sources(sources / "rtl"))
    ]  # fmt: skip
    assert all(Path(name).is_file() for name in added)


def handed_off(tmp_path: Path) -> xml.Element:
    return xml.parse(overlay_files(tmp_path, BOARD).with_suffix(".hwh")).getroot()


def test_cells_addresses_and_the_dma_are_those_of_the_cosimulation(sources: Path, tmp_path: Path) -> None:
    _, calls = tcl(sources)
    root = handed_off(tmp_path)
    cells = {call[-1]: call[call.index("-vlnv") + 1] for call in calls if call[0] == "create_bd_cell"}
    modules = {module.get("INSTANCE"): module for module in root.iter("MODULE")}
    vlnvs = {name: module.get("VLNV") for name, module in modules.items()}
    newest = overlays.INSTANCES["interrupts"]  # whose version is any
    assert cells.pop(newest).startswith("xilinx.com:ip:axi_intc:") and vlnvs.pop(newest).startswith(
        "xilinx.com:ip:axi_intc:"
    )
    assert {name: cells[name] for name in vlnvs} == vlnvs
    packaged = next(call for call in calls if call[0] == "ipx::package_project")
    named = {call[1]: call[2] for call in calls if call[0] == "set_property" and call[1] in ("name", "version")}
    vendor, library = (packaged[packaged.index(f"-{word}") + 1] for word in ("vendor", "library"))
    assert ":".join((vendor, library, "tr_accelerator", named["version"])) == overlays.ACCELERATOR_VLNV
    ranges = {
        memory.get("INSTANCE"): (int(memory.get("BASEVALUE"), 16), int(memory.get("HIGHVALUE"), 16))
        for memory in root.iter("MEMRANGE")
    }
    segments = [call[-1] for call in calls if call[0] == "get_bd_addr_segs"]
    assigned = [call for call in calls if call[0] == "assign_bd_address" and "-offset" in call]
    bases = [int(call[call.index("-offset") + 1], 16) for call in assigned]
    sizes = [int(call[call.index("-range") + 1]) for call in assigned]
    given = {name.split("/")[0]: (base, base + size - 1) for name, base, size in zip(segments, bases, sizes)}
    assert given == ranges
    dma = next(call for call in calls if call[0] == "set_property" and call[-1] == overlays.INSTANCES["dma"])
    words = shlex.split(dma[2].replace('"', ""))
    settings = dict(zip(words[::2], words[1::2]))
    parameters = modules[overlays.INSTANCES["dma"]].iter("PARAMETER")
    assert settings == {f"CONFIG.{parameter.get('NAME')}": parameter.get("VALUE") for parameter in parameters}


def test_every_interface_clock_and_reset_is_connected_once(sources: Path) -> None:
    _, calls = tcl(sources)
    pins = [call[1] for call in calls if call[0] == "get_bd_intf_pins"]
    ends = [pin for pin in pins if not pin.endswith(("/DDR", "/FIXED_IO"))]
    assert len(ends) == len(set(ends)) == 18
    driven = [call[1] for call in calls if call[0] == "get_bd_pins"][1::2]
    assert len(driven) == len(set(driven))
    core = {pin.split("/")[1] for pin in driven + ends if pin.startswith("tr_accelerator_0/")}
    assert core == {"clk", "resetn", "m_axis_resetn", "s_axi", "s_axis", "m_axis"}


@pytest.mark.parametrize(("slack", "clock", "said"), [("-0.3", "100.0", "timing failed"), ("0", "62.5", "makes 62.5")])
def test_a_missed_clock_writes_no_bitstream(sources: Path, slack: str, clock: str, said: str) -> None:
    done, _ = tcl(sources, slack, clock)
    assert done.returncode and said in done.stderr
    assert not list((sources.parent / "out").iterdir())


def test_the_packaged_top_passes_verilators_lint(sources: Path) -> None:
    files = [str(path) for path in cosim.sources(sources / "rtl")]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "tr_accelerator_ip", *files]
    done = subprocess.run([*command, str(sources / "tr_accelerator_ip.v")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- build and make -----------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake vivado in PATH and a cache of its own; the file where its calls are noted."""
    program, log = tmp_path / "bin" / "vivado", tmp_path / "calls.txt"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_LOG", str(log))
    log.write_text("")
    return log


def test_build_calls_vivado_once_for_all_models(fake: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", out)
    (call,) = [ast.literal_eval(line) for line in fake.read_text().splitlines()]
    assert call[0] == str(out / "vivado")
    arguments = ["-mode", "batch", "-notrace", "-nojournal", "-log", "vivado.log", "-source", "overlay.tcl", "-tclargs"]
    assert call[1:-1] == arguments
    assert "bitstream: in the package" in ran.out
    assert json.loads((out / "build.json").read_text())["bitstream"]
    for name in vivado.FILES:
        assert (out / "edge_tr_pynq" / name).read_text().startswith("a fake vivado's")
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "other", "--budget", "g=8,k=4")
    assert (
        len(fake.read_text().splitlines()) == 1
        and (tmp_path / "other" / "edge_tr_pynq" / "tr_accelerator.bit").exists()
    )


def test_a_failing_vivado_is_told_with_its_words_and_the_build_can_be_checked(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "1")
    ran = run("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "out")
    assert ran.code == 5 and "Vivado made no bitstream" in ran.err and "worst slack of SETUP is -1.2 ns" in ran.err
    monkeypatch.setenv("EDGE_TR_VIVADO", "none")
    assert "bitstream: none yet" in succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "none").out
    monkeypatch.delenv("XDG_CACHE_HOME")  # the simulated accelerator is in the user's
    assert succeed("check", tmp_path / "out", "--limit", "1", "--json").json["bit_exact"]


def test_progress_counts_the_steps_of_the_script(fake: Path, sources: Path, tmp_path: Path) -> None:
    package, steps = tmp_path / "package", []
    package.mkdir()
    assert vivado.bitstream(sources, "0" * 64, package, lambda *step: steps.append(step))
    assert steps == [(2, 6)]


def test_make_overlay_without_vivado_says_what_is_needed(sources: Path) -> None:
    done = subprocess.run(
        [shutil.which("make") or "make", "overlay", "VIVADO=no-such-vivado"],
        cwd=sources,
        capture_output=True,
        text=True,
    )
    assert done.returncode and "not in PATH" in done.stdout and "settings64.sh" in done.stdout
