"""Compile C for tests: the runtime once, a generated model in one call, everything under sanitizers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_tr.codegen import mcu
from edge_tr.codegen.naming import DEFAULT, Naming
from edge_tr.lower.program import Program

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SANITIZER_ENVIRONMENT = os.environ | {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}


def command(*words: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a program that must be there and succeed without a warning."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stderr}"
    return done.stdout


def compile_c(out: Path, sources: Iterable[Path], includes: Iterable[Path] = (), flags: Sequence[str] = ()) -> Path:
    """A host program, with all warnings as errors and all sanitizers."""
    folders = [f"-I{folder}" for folder in (*includes, FIRMWARE / "include")]
    command("gcc", *WARNINGS, *SANITIZED, *flags, *folders, *sources, "-o", out)
    return out


def run_c(program: Path, data: bytes = b"", status: int = 0, arguments: Sequence[str] = ()) -> bytes:
    """What a sanitized program writes; it must end with `status` and have nothing to report."""
    done = subprocess.run(
        [str(program), *arguments], input=data, capture_output=True, env=SANITIZER_ENVIRONMENT, timeout=120
    )
    report = done.stderr.decode(errors="replace")
    assert done.returncode == status and not report, f"exit code {done.returncode}\n{report[:2000]}"
    return done.stdout


def compile_runtime(folder: Path) -> Path:
    """firmware/src as a static library."""
    sources = sorted((FIRMWARE / "src").glob("*.c"))
    same = (
        f"-ffile-prefix-map={folder}=.",
        f"-ffile-prefix-map={FIRMWARE}=firmware",
    )  # objects, wherever they are made
    command("gcc", *WARNINGS, *SANITIZED, *same, f"-I{FIRMWARE / 'include'}", "-c", *sources, cwd=folder)
    library = folder / "runtime.a"
    command("ar", "rcs", library, *sorted(folder.glob("*.o")))
    return library


def write_tree(
    program: Program,
    folder: Path,
    board: str = "host",
    name: str = "test.tflite",
    verifies: bool = False,
    naming: Naming = DEFAULT,
) -> Path:
    """The generated sources of a program, below `folder`."""
    for path, data in mcu.source_tree(program, board, name, verifies, naming).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def compile_model(program: Program, folder: Path, runtime: Path, sources: Iterable[Path]) -> Path:
    """A host program of a generated model, `sources` with the main function, and the runtime."""
    tree = write_tree(program, folder)
    includes = [tree / "model", tree / "include", tree / "app"]
    return compile_c(folder / "program", [*sorted((tree / "model").glob("*.c")), *sources, runtime], includes)
