"""Every wrong thing a user can give: one message with cause and remedy, the documented exit code, no traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.ir.writer import ModelWriter
from tests.system.helpers import ALL_BOARDS, DIGITS, Ran, refused, run, small_board, succeed

SHAPE = tuple(succeed("inspect", DIGITS, "--json").json["inputs"][0]["shape"][1:])


def build(out: Path, *options: object, model: Path = DIGITS, target: object = "host") -> Ran:
    return run("build", model, "--target", target, "-o", out, *options)


@pytest.fixture(scope="module")
def flashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("errors") / "host"
    assert build(folder).code == 0
    succeed("flash", folder)
    return folder


# --- models and boards -----------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/nowhere/model.tflite", 2, "cannot read the model /nowhere/model.tflite: No such file or directory"),
        ("/tmp", 2, "Is a directory"),
        ("/dev/null", 3, "this is not a TFLite model"),
        (__file__, 3, "this is not a TFLite model"),
    ],
)
def test_a_model_that_cannot_be_read_or_is_none(path: str, code: int, words: str, tmp_path: Path) -> None:
    refused(build(tmp_path / "out", model=Path(path)), code, words)
    refused(run("inspect", path), code, words)
    assert not (tmp_path / "out").exists()


def test_an_unsupported_model_names_the_operator_and_what_is_supported(tmp_path: Path) -> None:
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5), model.activation((1, 4), 0.5)
    model.op("LOCAL_RESPONSE_NORMALIZATION", [x], [y])
    path = tmp_path / "unsupported.tflite"
    path.write_bytes(model.finish([x], [y]))
    refused(build(tmp_path / "out", model=path), 3, "LOCAL_RESPONSE_NORMALIZATION", "CONV_2D")


def test_an_unknown_board_gets_a_suggestion_or_the_list(tmp_path: Path) -> None:
    refused(build(tmp_path, target="mps2-an38"), 2, "unknown board 'mps2-an38'", "did you mean mps2-an386?")
    refused(build(tmp_path, target="zzz"), 2, "unknown board 'zzz'", *ALL_BOARDS)


def test_a_board_folder_with_mistakes_lists_them_all(tmp_path: Path) -> None:
    folder = small_board(tmp_path)
    file = folder / "board.toml"
    file.write_text(file.read_text().replace("flash_bytes", "flash_byte").replace("[link]", "[lnk]"))
    refused(build(tmp_path / "out", target=folder), 2, "flash_byte: unknown key", "lnk: unknown key", "link: missing")


# --- tools -------------------------------------------------------------------------


def test_a_missing_compiler_names_its_package_and_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ("arm-none-eabi-gcc is not installed", "apt-get install gcc-arm-none-eabi", "EDGE_TR_ARM_NONE_EABI_GCC")
    refused(build(tmp_path / "out", target="mps2-an386"), 5, *words)
    ran = run("flash", tmp_path / "out")
    refused(ran, 2, "holds no build", "run edge-tr build")


def test_a_missing_emulator_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build(tmp_path, target="mps2-an386").code == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(run("flash", tmp_path), 5, "qemu-system-arm is not installed", "apt-get install qemu-system-arm")
    monkeypatch.setenv("EDGE_TR_QEMU_SYSTEM_ARM", "/nowhere/qemu")
    refused(run("flash", tmp_path), 5, "EDGE_TR_QEMU_SYSTEM_ARM=/nowhere/qemu is not a program")


# --- what does not fit ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ({"flash_bytes": 0x2000}, "flash"),
        ({"ram_bytes": 0x600}, "RAM"),
        ({"flash_bytes": 0x2000, "ram_bytes": 0x600}, "flash"),
    ],
)
def test_a_model_that_does_not_fit_says_by_how_much(memory: dict[str, int], said: str, tmp_path: Path) -> None:
    ran = build(tmp_path / "out", "--json", target=small_board(tmp_path, **memory, stack_bytes=0x400))
    refused(ran, 4, "does not fit small", f"{said} ", "too many", "use --target ")
    built = ran.json
    assert built["fits"] is False
    for name, limit in memory.items():
        kind = name.removesuffix("_bytes")
        assert built[f"{kind}_limit"] == limit < built[f"{kind}_bytes"]
        assert f"{built[name] - limit:,} too many" in ran.err
    refused(run("flash", tmp_path / "out"), 2, "holds no build")
    text = build(tmp_path / "text", target=tmp_path / "small").out
    assert "Flash: [" in text and "RAM:   [" in text


def test_the_large_mnist_network_does_not_fit_the_small_nucleo(shared: Path, tmp_path: Path) -> None:
    model = shared / "models/mnist_mlp_784_512_512_10_int8.tflite"
    ran = build(tmp_path / "out", "--json", "--kernel", "int8", model=model, target="nucleo-g0b1re")
    refused(ran, 4, "does not fit nucleo-g0b1re: flash")
    assert ran.json["flash_bytes"] > ran.json["flash_limit"] == 512 * 1024


def test_a_board_given_as_a_folder_is_built_flashed_and_checked(tmp_path: Path) -> None:
    assert build(tmp_path / "out", target=small_board(tmp_path)).code == 0
    succeed("flash", tmp_path / "out")
    report = succeed("check", tmp_path / "out", "--limit", 1, "--layers", "--json").json
    assert report["bit_exact"] is True and report["target"] == "small"


# --- budgets and kernels ---------------------------------------------------------------


@pytest.mark.parametrize(
    "budget",
    [
        "",
        "garbage",
        "/nowhere.toml",
        "k=",
        "k=0",
        "k=-1",
        "g=8",
        "g=999,k=3",
        "g=0,k=3",
        "k=1,k=2",
        "k=12,z=3",
        "k=1e3",
        "s=0",
    ],
)
def test_a_wrong_budget(budget: str, tmp_path: Path) -> None:
    refused(build(tmp_path / "out", "--budget", budget), 2, "budget")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("k=", "is not TOML"),
        ("layer = 3", "only [default], [layer.NAME] and [tuned] tables are known"),
        ("[layer]\nconv_2d_0 = 3", "only [default], [layer.NAME] and [tuned] tables are known"),
        ("[defaults]\nk = 3", "only [default], [layer.NAME] and [tuned] tables are known"),
        ("[default]\nk = 'a'\nq = 1", "q = 1"),
        ("[layer.nope]\nk = 3", "the budget names nope; this model has conv_2d_0"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_wrong_budget_file(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    refused(build(tmp_path / "out", "--budget", file), 2, words)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("plane", "no kernel is called 'plane'; did you mean planes?"),
        ("zzz", "no kernel is called 'zzz'"),
        ("conv_2d_0=", "no kernel is called ''"),
        ("nope=int8", "--kernel names nope; this model has conv_2d_0"),
    ],
)
def test_a_wrong_kernel(kernel: str, words: str, tmp_path: Path) -> None:
    refused(build(tmp_path / "out", "--kernel", kernel), 2, words)


# --- data ---------------------------------------------------------------------------------

ZEROS = np.zeros((4, *SHAPE), np.int8)
BAD_ARRAYS = {
    "another shape": ({"x": np.zeros((4, 9, 9, 1), np.int8)}, "got [4, 9, 9, 1]"),
    "one number": ({"x": np.int8(3)}, "got a single number"),
    "no samples": ({"x": ZEROS[:0]}, "holds no samples"),
    "no x": ({"z": ZEROS}, "has no array x"),
    "uint8": ({"x": ZEROS.astype(np.uint8)}, "int8, or float32 to be quantised, got uint8"),
    "int64": ({"x": ZEROS.astype(np.int64)}, "got int64"),
    "complex": ({"x": ZEROS.astype(np.complex64)}, "got complex64"),
    "text": ({"x": np.array(["a", "b"])}, "the model's input is"),
    "pickled": ({"x": np.array([{}], object)}, "Object arrays cannot be loaded"),
    "not a number": ({"x": np.full((4, *SHAPE), np.nan, np.float32)}, "must be finite"),
    "infinite": ({"x": np.full((4, *SHAPE), np.inf, np.float32)}, "must be finite"),
    "too few labels": ({"x": ZEROS, "y": np.zeros(3, int)}, "y must be 4 integer labels, got int64 [3]"),
    "float labels": ({"x": ZEROS, "y": np.zeros(4)}, "y must be 4 integer labels, got float64 [4]"),
    "labels in a column": ({"x": ZEROS, "y": np.zeros((4, 1), int)}, "got int64 [4, 1]"),
    "labels of another problem": ({"x": ZEROS, "y": np.array([0, 1, 2, 10])}, "the model has classes 0 to 9"),
    "negative labels": ({"x": ZEROS, "y": np.array([0, 1, 2, -1])}, "y holds labels -1 to 2"),
}


@pytest.mark.parametrize(("arrays", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_wrong_samples(arrays: dict, words: str, flashed: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    ran = run("check", flashed, "--data", tmp_path / "data.npz", "--json")
    refused(ran, 2, words)
    assert ran.out == ""


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 garbage", b"\x93NUMPY\x01\x00", b"x" * 1000])
def test_a_file_that_is_no_npz(contents: bytes, flashed: Path, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(contents)
    refused(run("check", flashed, "--data", tmp_path / "data.npz"), 2, "is not a file with samples x")


def test_samples_that_cannot_be_read(flashed: Path, tmp_path: Path) -> None:
    refused(run("check", flashed, "--data", tmp_path), 2, f"{tmp_path} holds no images")
    refused(run("check", flashed, "--data", tmp_path / "no.npz"), 2, "No such file or directory")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one(limit: int, flashed: Path) -> None:
    refused(run("check", flashed, "--limit", limit), 2, f"--limit {limit}: check at least one sample")


def test_float_samples_are_quantised_and_a_large_limit_takes_what_there_is(flashed: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.zeros((2, *SHAPE), np.float64))
    report = succeed("check", flashed, "--data", tmp_path / "data.npz", "--limit", 100, "--json").json
    assert report["samples"] == 2 and report["bit_exact"] is True


# --- ports ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "code", "words"),
    [
        ("garbage", 6, "there is no port garbage"),
        ("", 6, "there is no port"),
        ("/dev/ttyNOPE", 6, "there is no port /dev/ttyNOPE"),
        ("foo://x", 2, "protocol 'foo' not known"),
        ("socket://", 6, "cannot open socket://"),
        ("socket://127.0.0.1:1", 6, "nothing listens at socket://127.0.0.1:1"),
        ("rfc2217://127.0.0.1:1", 6, "nothing listens at rfc2217://127.0.0.1:1"),
        ("/dev/null", 6, "cannot open /dev/null"),
        ("/tmp", 6, "cannot open /tmp"),
    ],
)
def test_a_port_that_is_none(port: str, code: int, words: str, flashed: Path) -> None:
    refused(run("check", flashed, "--port", port, "--limit", 1), code, words)
