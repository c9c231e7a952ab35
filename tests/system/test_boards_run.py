"""Every board's real code: it compiles without a warning, and where an emulator exists, it runs and counts."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import pytest
from echo import Built, Echo, build

from edge_tr import boards
from edge_tr.formats import image
from edge_tr.formats.frames import COUNTER
from edge_tr.target.emulator import emulate, flash_file
from edge_tr.target.flash import flash
from edge_tr.target.port import open_port
from edge_tr.target.toolchain import compile_and_link

LARGE = 2 << 20
EMULATED = [name for name in boards.names() if boards.load(name).emulator]
WITH_LOADER = [name for name in EMULATED if boards.load(name).loader]
COUNTING = [name for name in EMULATED if boards.load(name).instructions_per_tick]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory):
    @functools.cache
    def make(name: str) -> Built:
        return build(boards.load(name), tmp_path_factory.mktemp(name) / "built, here")

    return make


def connected(target: Built, state: Path):
    """Context managers of the running board and of its port."""
    return emulate(target.board, state, loader_elf=target.loader_elf)


@pytest.mark.parametrize("name", boards.names())
def test_the_drivers_of_every_board_compile_and_the_image_is_laid_out(name: str, built) -> None:
    target = built(name)
    if target.board.toolchain.freestanding:
        header = image.check(target.image)
        assert header["load_address"] == target.board.memory.flash_origin
        assert header["board_id"] == target.board.board_id


@pytest.mark.parametrize("name", EMULATED)
def test_flashed_or_placed_the_application_answers_echoes_and_restarts(name: str, built, tmp_path: Path) -> None:
    target, state = built(name), tmp_path / "a folder, with a comma"
    steps: list[tuple[int, int]] = []
    loader = target.loader_elf
    result = flash(
        target.board, target.image, None, state, loader_elf=loader, progress=lambda *step: steps.append(step)
    )
    assert result.verified == (target.board.loader is not None)
    assert result.method.startswith("AN3155" if target.board.loader else "placed by the emulator")
    assert steps[-1][0] == steps[-1][1] > 0
    with connected(target, state) as running, open_port(running.url, 115200) as port:
        echo = Echo(port)
        echo.wake()
        kind, _ = echo.counter()
        assert kind == (COUNTER.INSTRUCTIONS if "rv32" in target.board.core else COUNTER.TIMER)
        letters = bytes(range(0x80, 0x100)) * 4
        assert echo.ask(letters, len(letters)) == letters
        port.write(b"R")
        if name != "host":  # a restarted process takes a new connection
            echo.wake()


@pytest.mark.parametrize("name", COUNTING)
def test_ticks_give_the_number_of_executed_instructions(name: str, built, tmp_path: Path) -> None:
    """A loop of two instructions a round: the difference of two runs is exact to one instruction, and to a tick where a
    tick is no whole number of them."""
    target = built(name)
    factor = target.board.instructions_per_tick
    exact = 1 if factor.denominator == 1 else 1 + factor
    flash(target.board, target.image, None, tmp_path, loader_elf=target.loader_elf)
    with connected(target, tmp_path) as running, open_port(running.url, 115200) as port:
        echo = Echo(port)
        echo.wake()
        base = echo.ticks(1)
        for rounds in (2, 100, 12_345, 1_000_000, 20_000_000):
            counted = (echo.ticks(rounds) - base) * factor
            assert abs(counted - 2 * (rounds - 1)) <= exact
        start = time.perf_counter()
        echo.ticks(20_000_000)
        print(f"{name}: {40 / (time.perf_counter() - start):.0f} million instructions a second")


@pytest.mark.parametrize("name", WITH_LOADER)
def test_what_was_flashed_survives_a_killed_emulator_and_is_replaced_by_the_next(
    name: str, built, tmp_path: Path
) -> None:
    target = built(name)
    flash(target.board, target.image, None, tmp_path, loader_elf=target.loader_elf)
    flash(target.board, target.image, None, tmp_path, loader_elf=target.loader_elf)
    for _ in range(2):
        with connected(target, tmp_path) as running, open_port(running.url, 115200) as port:
            Echo(port).wake()
    assert flash_file(tmp_path).stat().st_blocks * 512 < 10_000_000


@pytest.mark.parametrize("name", ["mps2-an386", "qemu-cortex-m0", "qemu-rv32ec", "qemu-rv32imc"])
def test_start_up_reaches_over_a_model_of_two_megabytes(name: str, tmp_path: Path) -> None:
    """A jump of RISC-V reaches one, a branch of Arm sixteen."""
    board = boards.load(name)
    assert board.memory.flash_bytes > LARGE
    source = tmp_path / "model" / "large.c"
    source.parent.mkdir()
    source.write_text(
        f"#include <stdint.h>\nstatic const uint8_t large[{LARGE}u] = {{1}};\nint main(void);\n"
        f"int main(void) {{ volatile uint32_t last = {LARGE - 1}u; return large[last]; }}\n"
    )
    linked = compile_and_link(board, board.application, [source], [], tmp_path / "objects", "large")
    assert linked.sizes.flash > LARGE
