"""Applications over exports, on an emulated Cortex-M4: what they find in a recording is what golden computes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from edge_tr.golden.ends import Samples
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from tests.applications.audio import as_int8, features_of, said
from tests.applications.test_frontend import FRONTEND, HARNESS, STEP, ours
from tests.conftest import PROJECT
from tests.firmware.harness_build import FIRMWARE, command, compile_c
from tests.system.helpers import succeed

APPLICATIONS = PROJECT / "applications"
COMMON = APPLICATIONS / "common"
TIMEOUT = 300


def found(folder: Path, model: Path, name: str, application: str, recording: np.ndarray) -> list[str]:
    """Lines that the application writes of an array of samples or pixels on an emulated mps2-an386, its model exported
    as `name`."""
    succeed("build", model, "--target", "mps2-an386", "--name", name, "-o", folder / "build")
    succeed("export", folder / "build", "--as", "cmake", "-o", folder / "export")
    values = ", ".join(map(str, recording.ravel().tolist()))
    array = f"static const {recording.dtype.name}_t recording[{recording.size}]"
    (folder / "recording.h").write_text(f"#include <stdint.h>\n{array} = {{{values}}};\n")
    options = {
        "EXPORT": folder / "export",
        "RECORDING": folder,
        "MEMORY_FUNCTIONS": FIRMWARE / "src" / "tr_string.c",
        "CMAKE_TOOLCHAIN_FILE": COMMON / "cortex-m4.cmake",
    }
    given = [f"-D{key}={value}" for key, value in options.items()]
    command("cmake", "-S", APPLICATIONS / application, "-B", folder / "b", *given)
    command("cmake", "--build", folder / "b")
    machine = ("qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native")
    uart = ("-serial", f"file:{folder / 'uart'}")
    done = subprocess.run([*machine, *semihosting, *uart, "-kernel", folder / "b" / application], timeout=TIMEOUT)
    assert done.returncode == 0
    return (folder / "uart").read_text().splitlines()


def test_yes_and_no_are_heard_as_golden_hears_them(shared: Path, tmp_path: Path) -> None:
    """Its windows come every 20 ms, which pymicro-features does not offer: the same C on the host, equal at 10 ms."""
    recording, path = said("yes", "no"), shared / "models" / "micro_speech_quantized.tflite"
    lines = found(tmp_path, path, "speech", "keyword_spotting", recording)
    program = compile_c(tmp_path / "frontend", [FRONTEND / "tr_frontend.c", HARNESS], [FRONTEND])
    features = as_int8(ours(program, recording, step=2 * STEP))
    starts = range(0, len(features) - 48, 10)
    seconds = np.stack([features[start : start + 49].reshape(-1) for start in starts])
    scores = run(tflite.load(path), seconds).output.tolist()
    expected = [f"{(start + 49) * 20 + 10} ms: {' '.join(map(str, row))}" for start, row in zip(starts, scores)]
    assert [line.rstrip("abcdefghijklmnopqrstuvwxyz ") for line in lines] == expected
    words = [line.split()[-1] for line in lines if line[-1].isalpha()]
    assert words[0] == "yes" and words[-1] == "no" and sorted(words, reverse=True) == words


def test_the_wake_word_is_heard_as_golden_hears_it_and_other_words_are_not(shared: Path, tmp_path: Path) -> None:
    before, path = said("good morning"), shared / "models" / "okay_nabu_v2.tflite"
    recording = np.concatenate([before, said("okay nabu")])
    lines = found(tmp_path, path, "wake", "wake_word", recording)
    features = as_int8(features_of(recording))
    steps = len(features) // 3
    graph = tflite.load(path)
    x = features[: 3 * steps].reshape(1, steps, 3, 40)
    probabilities = run(graph, Samples({graph.inputs[0]: x}, steps)).output.reshape(-1).astype(int) + 128
    assert [int(line) for line in lines if line.isdigit()] == probabilities.tolist()
    assert lines.index("okay nabu") > len(before) // STEP // 3


def test_a_person_is_seen_in_the_picture_of_one_alone(shared: Path, tmp_path: Path) -> None:
    names, path = ("cat", "person", "coffee"), shared / "models" / "person_detect.tflite"
    folder = APPLICATIONS / "person_detection" / "pictures"
    pictures = np.stack([np.asarray(Image.open(folder / f"{name}.png")) for name in names])
    lines = found(tmp_path, path, "person", "person_detection", pictures)
    graph, x = tflite.load(path), (pictures.astype(np.int16) - 128).astype(np.int8)[..., np.newaxis]
    scores = run(graph, x).output.tolist()
    expected = [f"{n}: {' '.join(map(str, row))}{' person' * (n == 1)}" for n, row in enumerate(scores)]
    assert lines == expected
