"""firmware/app/protocols/tr_st.pb.c and .h are what nanopb's generator makes of tr_st.proto, without blanks at ends."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.firmware.harness_build import FIRMWARE

PROTOCOLS, NANOPB = FIRMWARE / "app" / "protocols", FIRMWARE / "third_party" / "nanopb"


def test_the_generated_files_are_fresh(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="nanopb's generator wants protoc, which grpcio-tools brings")
    done = subprocess.run(
        [sys.executable, "-m", "nanopb.generator.nanopb_generator", "-q", "-D", str(tmp_path),
         "--library-include-format", '#include "%s"', "tr_st.proto"],
        cwd=PROTOCOLS, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("tr_st.pb.c", "tr_st.pb.h"):
        lines = [line.rstrip() for line in (tmp_path / name).read_text().rstrip().splitlines()]
        assert "\n".join([*lines, ""]) == (PROTOCOLS / name).read_text(), name


def test_the_vendored_runtime_is_the_generators_release() -> None:
    assert f'#define NANOPB_VERSION "nanopb-{version("nanopb")}"' in (NANOPB / "pb.h").read_text()
