"""The accelerator's package under every pynq that it claims to run under: `make pynq-matrix`.

A virtual environment for each version in out/, with what edge-tr needs; the tests of driver, package and command line
run in each. Prints a table; fails if one fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.0.1", "3.1.2", "4.0.0")
TESTS = ("tests/accel/test_driver.py", "tests/accel/test_package.py", "tests/system/test_pynq_z2.py")


def prepared(version: str, base: Path) -> Path:
    """The interpreter of an environment with this pynq."""
    folder = base / f"pynq-{version}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    needed = (str(PROJECT) + "[pynq]", f"pynq=={version}", "pytest>=8", "build>=1.2", "wheel")
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *needed], check=True)
    return python


def main() -> int:
    """0 if the tests pass under every version."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    parser.add_argument("--folder", type=Path, default=PROJECT / "out", help="where the environments are kept")
    arguments = parser.parse_args()
    rows = []
    for version in arguments.versions:
        print(f"== pynq {version}", flush=True)
        python = prepared(version, arguments.folder)
        command = [python, "-m", "pytest", "-q", "-W", "ignore", *TESTS]
        done = subprocess.run(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})
        rows.append((version, "passed" if done.returncode == 0 else "FAILED"))
    print(f"\nPython {sys.version.split()[0]}, co-simulation:")
    print("\n".join(f"pynq {version}  {result}" for version, result in rows))
    return 0 if all(result == "passed" for _, result in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
