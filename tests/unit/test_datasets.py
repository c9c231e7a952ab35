"""Samples as people have them: .npy, .csv, folders of images and sounds, and what is said of wrong ones."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_tr.errors import UsageError
from edge_tr.files.datasets import make, open_data
from edge_tr.golden.ends import beyond, quantized, real, reshaping
from edge_tr.golden.samples import class_names, read_samples
from edge_tr.ir import tflite
from tests.system.helpers import DIGITS, DIGITS_DATA, refused, run, succeed

GRAPH = tflite.load(DIGITS)


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(DIGITS_DATA) as arrays:
        return {name: arrays[name][:20] for name in arrays.files}


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with open_data(path) as found:
        return {name: found[name].rows() for name in found}


def test_npy_is_x(stored: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", stored["x"])
    samples, labels = read_samples(tmp_path / "x.npy", GRAPH, limit=7)
    wanted, _ = read_samples(DIGITS_DATA, GRAPH, limit=7)
    assert labels is None and np.array_equal(samples.first, wanted.first)


@pytest.mark.parametrize("names", [None, ["zero", "one"]])
def test_csv_has_a_row_a_sample_and_a_column_of_labels(names: list[str] | None, tmp_path: Path) -> None:
    x, y = np.arange(12, dtype=np.float32).reshape(4, 3) / 8, [1, 0, 0, 1]
    shown = y if names is None else [names[label] for label in y]
    lines = ["a,b,Label,c", *(f"{a},{b},{label},{c}" for (a, b, c), label in zip(x, shown))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = arrays_of(tmp_path / "t.csv")
    assert np.array_equal(found["x"], x)
    if names is None:
        assert found["y"].tolist() == y and "classes" not in found
    else:
        assert [found["classes"][label] for label in found["y"]] == shown
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    assert arrays_of(tmp_path / "t.csv")["x"].tolist() == [[1, 2], [3, 4]]


def test_a_folder_of_images_is_checked_with_its_classes(stored: dict[str, np.ndarray], tmp_path: Path) -> None:
    """The digits as PNG: what comes out of the files is what went in, and check says the classes' names."""
    x = real(GRAPH.tensor(GRAPH.inputs[0]), stored["x"].reshape(-1, 8, 8).astype(np.int8))
    low, scale = float(x.min()), float(x.max() - x.min()) / 255
    pixels = np.rint((x - low) / scale).astype(np.uint8)
    for n, (picture, label) in enumerate(zip(pixels, stored["y"])):
        (tmp_path / "set" / f"{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / f"{label}" / f"{n:03}.png")
    found = arrays_of(tmp_path / "set")
    order = np.argsort(stored["y"], kind="stable")
    assert np.array_equal(found["x"][..., 0], pixels[order]) and found["x"].dtype == np.uint8
    assert [int(found["classes"][label]) for label in found["y"]] == stored["y"][order].tolist()
    out, options = tmp_path / "made.npz", ["--scale", scale, "--offset", low, "--json"]
    made = succeed("data", "make", tmp_path / "set", "-o", out, *options).json
    assert made["arrays"]["x"] == {"shape": [20, 8, 8, 1], "dtype": "float32"}
    with np.load(out) as again:
        assert np.allclose(again["x"][..., 0], x[order], atol=scale)
    assert class_names(out) == tuple(str(n) for n in range(10))
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path / "b")
    succeed("flash", tmp_path / "b")
    report = succeed("check", tmp_path / "b", "--data", out, "--json").json
    assert report["classes"] == [str(n) for n in range(10)] and report["accuracy"] > 0.9


def test_images_are_resized_and_made_grey_only_where_that_is_asked(tmp_path: Path) -> None:
    Image.new("RGB", (10, 6), (255, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (12, 6), (255, 0, 0)).save(tmp_path / "b.jpg")
    with pytest.raises(UsageError, match=r"a\.png is \[6, 10, 3\] and b\.jpg \[6, 12, 3\].*--size"):
        make(tmp_path)
    assert make(tmp_path, size=(4, 5))["x"].shape == (2, 4, 5, 3)
    grey = make(tmp_path, size=(4, 5), grey=True)["x"]
    assert grey.shape == (2, 4, 5, 1) and abs(int(grey[0, 0, 0, 0]) - 76) <= 1  # 0.299 of red


def test_sounds_are_their_first_channel(tmp_path: Path) -> None:
    values = np.array([[0, 9], [1000, 9], [-32768, 9], [32767, 9]], "<i2")
    for label in ("no", "yes"):
        (tmp_path / label).mkdir()
        with wave.open(str(tmp_path / label / "a.wav"), "wb") as file:
            file.setnchannels(2), file.setsampwidth(2), file.setframerate(16000)
            file.writeframes(values.tobytes())
    found = arrays_of(tmp_path)
    assert found["x"].tolist() == [values[:, 0].tolist()] * 2 and found["y"].tolist() == [0, 1]
    assert found["classes"].tolist() == ["no", "yes"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", "", "holds no rows"),
        ("x.csv", "1,2\n3\n", "different numbers of columns"),
        ("x.npy", "no", "is not a file of samples"),
        ("x.npz", "no", "is not a file of samples"),
        ("d/x.png", "no", "not an image that can be read"),
        ("d/x.wav", "no", "not a .wav file with PCM samples"),
        ("d/x.txt", "no", "holds no images"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    source = path.parent if path.parent.name == "d" else path
    refused(run("data", "make", source, "-o", tmp_path / "out.npz"), 2, said)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((4, 1, 8, 8), (8, 8, 1)),
        ((8, 8, 1), (8, 8, 1)),
        ((4, 8, 8, 3), (8, 8, 1)),
        ((4, 8, 8), (8, 8, 3)),
        ((4, 8, 8, 1), (8, 8, 3)),
        ((2, 128), (8, 8, 1)),
        ((4, 9, 8, 1), (8, 8, 1)),
    ],
)
def test_the_line_of_numpy_makes_the_shape_that_is_wanted(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    line = reshaping(shape, wanted).partition(": ")[2]
    names = {"x": np.arange(np.prod(shape), dtype=np.float32).reshape(shape), "np": np}
    exec(line, names)
    assert names["x"].shape[1:] == wanted and names["x"].dtype == np.float32


def test_a_wrong_shape_says_that_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 8, 8, 3), np.float32))
    with pytest.raises(UsageError, match=r"\[samples, 8, 8, 1\], got \[3, 8, 8, 3\]; in numpy: x = x\.mean"):
        read_samples(tmp_path / "x.npz", GRAPH)


def test_floats_beyond_the_range_are_counted_and_said(stored: dict[str, np.ndarray], tmp_path: Path) -> None:
    tensor = GRAPH.tensor(GRAPH.inputs[0])
    q = tensor.quantization
    edge = (127 - int(q.zero_point[0])) * float(q.scale[0])
    x = np.array([edge, edge * 1.001 if edge else 0.1, edge + float(q.scale[0]), 1e6, -1e6], np.float32)
    assert beyond(tensor, x) == 3 and set(quantized(tensor, x[-3:]).tolist()) <= {127, -128}
    many = np.full((2, 8, 8, 1), edge, np.float32)
    many[0, :2] = 1e6
    np.savez(tmp_path / "x.npz", x=many)
    samples, _ = read_samples(tmp_path / "x.npz", GRAPH)
    assert samples.saturated == 16
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path / "b")
    succeed("flash", tmp_path / "b")
    said = succeed("check", tmp_path / "b", "--data", tmp_path / "x.npz").out
    assert "16 of 128 input values are beyond the input's range" in said
