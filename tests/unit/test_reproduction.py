"""The pure parts of the reproduction: accounting of term pairs, uniform quantisation, tables, and what tune takes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.ends import samples_of
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators import FullyConnectedParams
from edge_tr.reproduction import effort, summary
from edge_tr.reproduction.accounting import BASELINE_PAIRS, DATA_BITS, Measured, quantised, table
from edge_tr.reproduction.classifiers import Bench, revealing
from edge_tr.reproduction.plot import plot
from edge_tr.target import processes
from edge_tr.tr.hese import Encoding, encode


def dense_bench(weights: np.ndarray, x: np.ndarray, zero_point: int) -> Bench:
    """One fully connected layer as a model, on samples x."""
    model = ModelWriter()
    units, depth = weights.shape
    source, result = model.activation((1, depth), 0.5, zero_point), model.activation((1, units), 40.0, 0)
    constant = model.constant(weights.astype(np.int8), [0.5])
    bias = model.constant(np.zeros(units, np.int32), [0.25])
    model.op("FULLY_CONNECTED", [source, constant, bias], [result], version=4)
    graph = parse(model.finish([source], [result]))
    assert isinstance(graph.ops[0].record, FullyConnectedParams)
    return Bench(graph, samples_of(graph, x.astype(np.int8)), np.zeros(len(x), np.int64), {"TR": "0 %"})


def count(value: int, encoding: Encoding = Encoding.MINIMAL) -> int:
    return len(encode(value, encoding))


# --- accounting ---------------------------------------------------------------------------


@pytest.mark.parametrize("zero_point", [-128, 0, 5])
def test_executed_pairs_are_the_terms_of_each_weight_times_those_of_what_it_meets(zero_point):
    rng = np.random.default_rng(zero_point & 7)
    weights, x = rng.integers(-128, 128, (3, 5)), rng.integers(-128, 128, (4, 5))
    bench = dense_bench(weights, x, zero_point)
    row = bench.measure("int8", "int8", lambda layer: layer.record.weights, BASELINE_PAIRS)
    pairs = [
        sum(count(int(w)) * count(int(v) - zero_point) for w, v in zip(unit, sample))
        for unit in weights
        for sample in x
    ]
    assert row.executed == pytest.approx(sum(pairs) / (len(x) * weights.size))
    assert row.terms == pytest.approx(sum(count(int(w)) for w in weights.ravel()) / weights.size)
    assert row.pairs == BASELINE_PAIRS == 64


def test_pairs_of_the_paper_are_what_is_allowed_not_what_is_used():
    bench = dense_bench(np.array([[1, 0, 0, 0, 0, 0, 0, 0]]), np.zeros((1, 8), np.int64), 0)
    row = bench.measure("TR", "TR", revealing(8, 6), 6 / 8 * DATA_BITS)
    assert row.pairs == 6 and row.executed == 0 and row.terms == 1 / 8 and row.published == "0 %"
    kept = bench.measure("kept", "TR", revealing(8, 6), None)
    assert kept.pairs == DATA_BITS / 8  # allows the terms that it keeps


def test_revealing_is_the_papers_rule():
    """55 is 64 - 8 - 1 with three terms in ours; the paper's windows give another form, cut after two terms."""
    bench = dense_bench(np.array([[55, 55]]), np.zeros((1, 2), np.int64), 0)
    (layer,) = bench.layers
    largest = sum(sign * 2**exponent for sign, exponent in encode(55, Encoding.PAPER)[:2])
    assert revealing(1, 2)(layer).tolist() == [[largest, largest]]


# --- QT -------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(2, 9))
def test_quantised_weights_have_so_many_levels_and_are_the_nearest_of_them(bits):
    weights = np.arange(-127, 128, dtype=np.int8)
    found = quantised(weights, bits)
    levels = np.unique(found)
    assert len(levels) == 2**bits - 1 and (levels == -levels[::-1]).all()
    assert levels.min() == -127 and levels.max() == 127
    step = 127 / (2 ** (bits - 1) - 1)
    assert (np.abs(found.astype(int) - weights) <= step / 2 + 0.5).all()


def test_quantised_uses_the_arrays_own_range_and_takes_zeros_and_the_most_negative():
    assert quantised(np.array([[10, -4]], np.int8), 2).tolist() == [[10, 0]]
    assert quantised(np.zeros((2, 2), np.int8), 4).tolist() == [[0, 0], [0, 0]]
    assert quantised(np.array([-128, 127], np.int8), 8).tolist() == [-128, 127]


# --- tables and plots -------------------------------------------------------------------------


def row(**changes: object) -> Measured:
    values = dict(name="a", curve="c", terms=1.234, pairs=8.0, executed=None, accuracy=None, agreement=None)
    return Measured(**(values | changes))


def test_a_table_leaves_out_columns_without_figures_and_marks_the_chosen_row():
    text = table([row(), row(name="b", chosen=True, pairs=64.0)])
    assert text.splitlines() == [
        "| weights | terms/MAC | pairs/MAC, paper |",
        "| --- | --- | --- |",
        "| a | 1.23 | 8.0 (8x less) |",
        "| **b** | 1.23 | 64 |",
    ]
    full = table([row(executed=0.5, accuracy=98.7, agreement=0.0, published="1 %"), row()], "perplexity")
    assert full.splitlines()[0].split(" | ")[3:] == ["executed pairs/MAC", "perplexity", "agreement %", "published |"]
    assert full.splitlines()[2].split(" | ")[3:] == ["0.50", "98.70", "0.00", "1 % |"]
    assert full.splitlines()[3].split(" | ")[3:] == ["", "", "", " |"]


def test_a_plot_has_each_curves_points_and_escapes_names():
    rows = [row(name="<x>", accuracy=90.0), row(name="y", accuracy=80.0, terms=2.0), row(name="z", accuracy=60.0)]
    picture = plot("a & b", rows, "accuracy, %")
    assert "a &amp; b" in picture and "&lt;x&gt;" in picture and picture.count("<polyline") == 1
    assert "z:" not in picture  # thirty percent below the best
    assert plot("a & b", rows, "accuracy, %") == picture


# --- what tune takes ----------------------------------------------------------------------------


def test_a_command_is_watched_with_its_children():
    """A child that holds 60 MB and works; its parent only waits."""
    child = "x = bytearray(60_000_000); x[::4096] = bytes(len(x[::4096])); s = sum(i * i for i in range(3_000_000))"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r} + '; import time; time.sleep(1)'])"
    )
    wall, processor, memory = processes.watched([sys.executable, "-c", parent])
    assert wall > 1 and processor > 0 and memory > 60_000_000


def test_a_command_that_fails_is_an_error_with_its_message():
    with pytest.raises(processes.CommandFailed, match="ended with 3: no such thing"):
        processes.watched([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"])


def process(folder: Path, pid: int, parent: int, kilobytes: int) -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "stat").write_text(f"{pid} (a (b) c) S {parent} 1 1\n")
    (folder / str(pid) / "smaps_rollup").write_text(f"Rss: 999 kB\nPss: {kilobytes} kB\nPss_Anon: 7 kB\n")


def test_a_family_is_a_process_and_all_below_it(tmp_path):
    for pid, parent in ((2, 1), (3, 2), (4, 3), (5, 1), (6, 4)):
        process(tmp_path, pid, parent, 10 * pid)
    (tmp_path / "7").mkdir()  # has ended meanwhile
    assert processes.family(3, tmp_path) == {3, 4, 6}
    assert sum(processes.memory_of(pid, tmp_path) for pid in (3, 4, 7)) == 70 * 1024


def test_efforts_stand_beside_their_limits():
    text = effort.table([effort.Effort("kws_ref_model", 41.6, 80.2, 1_234_000_000, 7.25)])
    assert text.splitlines()[2] == "| `kws_ref_model` | 42 | 60 | 80 | 1,234 | 2,000 | 7.2 |"


def test_a_section_replaces_the_old_one_or_comes_before_the_end():
    new = f"{effort.HEADING}\n\nnew\n"
    first = effort.replaced("# R\n\n## A\n\na\n\n## Not reproduced\n\nb\n", new)
    assert first == f"# R\n\n## A\n\na\n\n{new}\n## Not reproduced\n\nb\n"
    again = effort.replaced(first, new.replace("new", "newer"))
    assert again == first.replace("new\n", "newer\n")


def test_the_machine_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name\t: Abacus 3000\nmodel name\t: Abacus 3000\n")
    assert effort.machine(tmp_path / "cpuinfo").startswith("Abacus 3000, ")
    assert effort.machine(tmp_path / "none").endswith(" cores")


# --- summary ------------------------------------------------------------------------------


def test_the_summary_takes_the_fewest_pairs_that_are_good_enough():
    """Of tables as `table` prints them: points of accuracy, percent of a perplexity, a section without pairs."""

    def rows(values: list[tuple[str, float, float]]) -> str:
        return table([Measured(name, "", 1.0, pairs, None, value, None) for name, pairs, value in values])

    accuracy = rows([("int8", 64, 90), ("TR k=8", 8, 89.6), ("TR k=4", 4, 89.4), ("calibrated", 6, 90), ("QT", 2, 90)])
    perplexity = rows([("int8", 64, 100), ("TR k=8", 8, 100.6), ("calibrated", 4, 100.4)]).replace(
        "accuracy %", "perplexity"
    )
    text = f"# R\n\n## A\n\n{accuracy}\n## B\n\nnone\n\n## C\n\n{perplexity}\n"
    assert [title for title, _ in summary.tables(text)] == ["A", "C"]
    written = summary.section(text)
    assert "| A | 8.0 (TR k=8) | 8 | 6.0 (calibrated) | 11 |" in written
    assert "| C | none is as good |  | 4.0 (calibrated) | 16 |" in written
