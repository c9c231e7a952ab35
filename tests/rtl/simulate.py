"""Runs cocotb benches (bench_*.py) on Icarus Verilog from pytest, on the small configuration of the RTL unless told
otherwise."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as Tree
from collections.abc import Sequence
from pathlib import Path

from cocotb_tools.runner import get_runner

from edge_tr.formats import accelerator as f
from edge_tr.formats.emit import sv_package

HERE = Path(__file__).resolve().parent
RTL = HERE.parents[1] / "rtl"


def sources(configuration: f.Configuration, work: Path) -> list[Path]:
    """The RTL with the package of a configuration, which is written to `work`."""
    work.mkdir(parents=True, exist_ok=True)
    package = work / "tr_formats_pkg.sv"
    package.write_text(sv_package(configuration), encoding="utf-8")
    names = (RTL / "files.txt").read_text(encoding="utf-8").split()
    return [package, *(RTL / name for name in names if name != package.name)]


def simulate(
    toplevel: str,
    bench: str,
    work: Path,
    configuration: f.Configuration = f.SMALL,
    test: str = "",
    files: Sequence[Path] = (),
) -> None:
    """All tests of a bench, or one; AssertionError with the first failure if one fails. `files`: instead of the
    accelerator's."""
    runner = get_runner("icarus")
    runner.build(
        sources=[*files] or sources(configuration, work), hdl_toplevel=toplevel, build_dir=work, build_args=["-g2012"],
        timescale=("1ns", "1ps"), log_file=work / "build.log",
    )  # fmt: skip
    environment = {
        "PYTHONPATH": f"{HERE}:{HERE.parents[1]}",
        "EDGE_TR_ACCELERATOR": configuration.name,
        "COCOTB_ANSI_OUTPUT": "0",
    }
    log, results = work / f"{bench}.log", work / f"{bench}.xml"
    with contextlib.suppress(SystemExit):  # how the runner tells of a failure
        runner.test(
            test_module=bench, hdl_toplevel=toplevel, build_dir=work, test_dir=work, extra_env=environment, seed=1,
            results_xml=str(results), testcase=test or None, log_file=log, timescale=("1ns", "1ps"),
        )  # fmt: skip
    cases = list(Tree.parse(results).iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert cases and not failed, f"{bench}: {failed or 'no tests'}\n{log.read_text(encoding='utf-8')[-6000:]}"
