"""The RTL on Icarus Verilog: each bench drives a module or the whole accelerator through cocotb."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulate import RTL, simulate

from edge_tr.formats import accelerator as f

FULL, SMALL = f.FULL, f.SMALL
BENCHES = [
    ("tr_lane", "bench_lane", SMALL),
    ("tr_element", "bench_element", SMALL),
    ("tr_array", "bench_array", SMALL),
    ("tr_activations", "bench_activations", SMALL),
    ("tr_activations", "bench_activations", FULL),
    ("tr_gather", "bench_gather", FULL),
    ("tr_player", "bench_player", FULL),
    ("tr_sum", "bench_sum", FULL),
    ("tr_accelerator", "bench_bus", SMALL),
    ("tr_accelerator", "bench_model", SMALL),
]


@pytest.mark.parametrize(
    ("toplevel", "bench", "configuration"), BENCHES, ids=lambda item: getattr(item, "name", None) or str(item)
)
def test_bench(toplevel: str, bench: str, configuration: f.Configuration, tmp_path: Path) -> None:
    simulate(toplevel, bench, tmp_path, configuration)


@pytest.mark.parametrize("toplevel", ["int8_mac", "tmac", "pair_mac"])
def test_cells_that_the_array_is_compared_with(toplevel: str, tmp_path: Path) -> None:
    simulate(toplevel, "bench_comparison", tmp_path, test=toplevel, files=[RTL / "compare" / f"{toplevel}.sv"])
