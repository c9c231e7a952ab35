"""The audio front end in C gives the bytes of TFLM's, as pymicro-features has it: on speech, noise and extremes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.applications.audio import RATE, STEP, WINDOW, features_of, said
from tests.conftest import PROJECT
from tests.firmware.harness_build import WARNINGS, command, compile_c, run_c

FRONTEND = PROJECT / "applications" / "frontend"
HARNESS = Path(__file__).with_name("frontend_program.c")
SECONDS = 3


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frontend") / "program"
    return compile_c(out, [FRONTEND / "tr_frontend.c", HARNESS], [FRONTEND], ("-Wshadow",))


def ours(program: Path, samples: np.ndarray, step: int = STEP, piece: int = STEP) -> np.ndarray:
    return np.frombuffer(run_c(program, samples.tobytes(), arguments=[str(step), str(piece)]), np.uint16).reshape(
        -1, 40
    )


def sounds() -> dict[str, np.ndarray]:
    rng, count = np.random.default_rng(0), SECONDS * RATE
    time = np.arange(count)
    noise = rng.integers(-32768, 32768, count)
    chirp = 32767 * np.sin(time**2 * 1e-5)
    found = {
        "speech": said("yes", "no", "okay nabu, what is the time?"),
        "another voice": said("turn the lights on", voice="en-gb-x-rp", speed=120),
        "loud noise": noise,
        "bursts": noise * (rng.random(count // 640) ** 6).repeat(640),
        "a chirp": chirp,
        "two soft tones": 40 * np.sin(time * 0.3) + 3 * np.sin(time * 0.71),
        "the least bits": rng.integers(-2, 3, count),
        "one bit": rng.integers(0, 2, count),
        "silence": np.zeros(count),
        "the least value": np.full(count, -32768),
        "the largest value": np.full(count, 32767),
        "a square wave": np.where(time // 20 % 2, 32767, -32768),
        "clicks": np.where(time % 4000 == 7, 32767, 0),
        "the highest tone": np.where(time % 2, 32767, -32768),
        "clipped, then silence": np.where(time < RATE, np.clip(4 * chirp, -32768, 32767), 0),
    }
    return {name: samples.astype(np.int16) for name, samples in found.items()}


@pytest.mark.parametrize("name", sounds())
def test_features_are_pymicro_features_bit_for_bit(program: Path, name: str) -> None:
    samples = sounds()[name]
    expected = features_of(samples)
    assert len(expected) == (len(samples) - WINDOW) // STEP + 1
    assert np.array_equal(ours(program, samples), expected)


def test_pieces_of_any_size_give_the_same_features(program: Path) -> None:
    samples = sounds()["speech"]
    expected = ours(program, samples)
    for piece in (1, 7, 159, 161, 1000):
        assert np.array_equal(ours(program, samples, piece=piece), expected)


def test_another_step_takes_other_windows(program: Path) -> None:
    """Windows of one sound in two streams: the first ones are the same, and so are those of silence."""
    samples = sounds()["speech"]
    fine, coarse = ours(program, samples), ours(program, samples, step=2 * STEP)
    assert len(coarse) == (len(samples) - WINDOW) // (2 * STEP) + 1
    assert np.array_equal(coarse[0], fine[0]) and not np.array_equal(coarse, fine[::2])


def test_the_tables_are_as_their_script_prints_them() -> None:
    subprocess.run([sys.executable, FRONTEND / "make_tables.py", "--check"], check=True)


@pytest.mark.parametrize(
    "compiler",
    [
        ("arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb"),
        ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"),
        ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32"),
        ("clang",),
    ],
)
def test_every_compiler_takes_it_without_a_warning_and_it_computes_in_integers(compiler: tuple, tmp_path: Path) -> None:
    flags = ("-O2", "-ffreestanding", *WARNINGS, "-Wshadow")
    command(*compiler, *flags, "-c", FRONTEND / "tr_frontend.c", "-o", tmp_path / "frontend.o")
    needed = command("nm", "--undefined-only", tmp_path / "frontend.o").split()
    floats = {"__aeabi_fadd", "__aeabi_fmul", "__aeabi_dadd", "__addsf3", "__mulsf3", "__adddf3", "__muldf3"}
    assert not floats & set(needed)
