"""stm32loader, which others wrote for ST's ROM loaders, flashes and verifies through our second-stage loader.

The whole flash is erased: it numbers pages from 0x0800_0000 on, where an STM32 has its flash.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from edge_tr import boards
from edge_tr.manifest import BuildFolder
from edge_tr.target.emulator import emulate
from edge_tr.target.serve import clients, serve
from tests.system.helpers import DIGITS, placed, succeed

BOARD = "mps2-an386"
MODEM = Path(__file__).with_name("modem")


def stm32loader(port: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The program, whose exit code must be 0; it writes to a port without parity and without modem lines.

    It gives up at the first NACK, which is also what a silence within a block gets (TR_BOOT_TIMEOUT_MS), and a busy
    computer is silent for long: then, as its user would, once more from the start."""
    command = [sys.executable, "-m", "stm32loader", "-p", port, "-P", "none", "-n", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(MODEM)}
    for _ in range(3):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        if done.returncode == 0 or "NACK" not in done.stderr:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_it_writes_verifies_reads_and_starts_an_image_and_check_is_bit_exact(tmp_path: Path) -> None:
    board, folder = boards.load(BOARD), tmp_path / "build"
    succeed("build", DIGITS, "--target", BOARD, "-o", folder)
    build, state, stop = BuildFolder(folder), tmp_path / "state", threading.Event()
    image, origin = build.image.read_bytes(), board.memory.flash_origin
    with emulate(board, state, loader_elf=build.loader) as running, clients(True, 0) as terminal:
        thread = threading.Thread(target=serve, args=(running, terminal, stop.is_set))
        thread.start()
        try:
            done = stm32loader(terminal.name, "-e", "-w", "-v", "-a", hex(origin), build.image)
            assert "Verification OK" in done.stderr and f"Chip id: {board.flash.product_id:#X}".lower() in (
                done.stderr.lower()
            )
            read = tmp_path / "read.bin"
            stm32loader(terminal.name, "-r", "-l", len(image), "-a", hex(origin), "-g", hex(origin), read)
            assert read.read_bytes() == image == placed(folder, BOARD, state)
            ran = succeed("check", folder, "--port", terminal.name, "--limit", 3, "--layers", "--json").json
            assert ran["bit_exact"] and ran["samples"] == 3
        finally:
            stop.set()
            thread.join()
