"""Damaged and hostile files: a seeded slice of what `make fuzz` tries for longer, and the ones that were found."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge_tr import demo
from edge_tr.errors import UsageError
from edge_tr.files import npz
from edge_tr.files.reading import MAX_DEPTH, read_json, read_toml
from edge_tr.golden.samples import read_samples
from edge_tr.ir.tflite import parse
from tests.damaged import Damaged
from tests.system.helpers import refused, run

GRAPH = parse(demo.MODEL.read_bytes())


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return Damaged(tmp_path_factory.mktemp("damaged"))


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_of_every_kind_are_refused_in_bounded_memory(damaged: Damaged, seed: int) -> None:
    damaged.seed(seed)


def archive(path: Path, header: bytes, data: bytes) -> Path:
    """An archive with one array x of this header."""
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", start + data)
    return path


def test_an_array_that_claims_58_tib_is_refused_unread(tmp_path: Path) -> None:
    header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (1000000000000, 8, 8, 1)}\n"
    path = archive(tmp_path / "x.npz", header, bytes(100))
    with pytest.raises(UsageError, match=r"claims 64,000,000,000,\d\d\d bytes and has 1\d\d"):
        read_samples(path, GRAPH, 5)


def test_a_limit_reads_no_more_than_it_says_of_a_small_file_that_is_large_unpacked(tmp_path: Path) -> None:
    count = 4_000_000  # 256 MB of zeros in 250 KB
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({count}, 8, 8, 1)}}\n".encode()
    path = archive(tmp_path / "x.npz", header, bytes(64 * count))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        x, _ = read_samples(path, GRAPH, 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.first.shape == (5, 8, 8, 1) and peak < 2 << 20


def test_more_than_the_most_is_refused_and_a_limit_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 8, 8, 1), np.int8))
    monkeypatch.setattr(npz, "MAX_BYTES", 8 * 64)
    with pytest.raises(UsageError, match=r"would take 576 bytes; 512 are read at most: use fewer samples .*--limit"):
        read_samples(tmp_path / "x.npz", GRAPH)
    assert len(read_samples(tmp_path / "x.npz", GRAPH, 8)[0]) == 8


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_rows_are_those_that_numpy_reads(order: str, tmp_path: Path) -> None:
    x = np.asarray(np.random.default_rng(0).integers(-128, 128, (7, 8, 8, 1), np.int8), order=order)
    np.savez_compressed(tmp_path / "x.npz", x=x, y=np.arange(7))
    for limit in (1, 3, 7, 100, None):
        read, labels = read_samples(tmp_path / "x.npz", GRAPH, limit)
        np.testing.assert_array_equal(read.first, x[:limit])
        np.testing.assert_array_equal(labels, np.arange(7)[:limit])


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a" + ".a" * 5000 + " = 1", "[a" + ".a" * 5000 + "]\nk = 1"])
def test_deep_toml(text: str, tmp_path: Path) -> None:
    for name in ("budget.toml", "board.toml", "overlay.toml"):
        (tmp_path / name).write_text(text)
    model = demo.MODEL
    budget = tmp_path / "budget.toml"
    refused(run("build", model, "--target", "host", "-o", tmp_path / "out", "--budget", budget), 2, "nested more than")
    refused(run("build", model, "--target", tmp_path, "-o", tmp_path / "out"), 2, "nested more than")
    (tmp_path / "overlay.toml").unlink()
    refused(run("build", model, "--target", tmp_path, "-o", tmp_path / "out"), 2, "nested more than")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"edge_tr_version": ' * 500 + "1" + "}" * 500])
def test_deep_json(text: str, tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text(text)
    refused(run("check", tmp_path), 2, "build.json cannot be read (it is nested more than", "build again")


def test_depth_is_bounded_where_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert json.dumps(read_json(path)) == path.read_text()
    path.write_text("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="nested more than 32 deep"):
        read_json(path)


def test_large_and_endless_files_are_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(ValueError, match="more than 1,048,576 bytes"):
        read_toml(tmp_path / "big.toml")
    refused(run("inspect", "/dev/zero"), 2, "it has more than 268,435,456 bytes")
    refused(run("build", demo.MODEL, "--target", "host", "--budget", "/dev/zero"), 2, "budget")


def test_a_header_that_is_no_header_says_so() -> None:
    for start in (b"", b"\x93NUMPY\x03\x00", b"\x93NUMPY\x01\x00\xff\xff"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as file:
            file.writestr("x.npy", start)
        with pytest.raises(ValueError), zipfile.ZipFile(out) as file:
            npz._Arrays(file, {"x": file.infolist()[0]})["x"]
