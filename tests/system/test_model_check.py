"""The check of a model's constants and code: every flipped bit is found, in bounded steps, at the cost that is printed.

`make soak` flips more bits, on more boards (tests/flips.py).
"""

from __future__ import annotations

import functools
import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.errors import DeviceError
from edge_tr.formats.image import MODEL_SEAL, model_seal
from edge_tr.ir.tflite import parse
from edge_tr.kernels.machines import tables_of
from edge_tr.lower import cores
from edge_tr.manifest import BuildFolder
from edge_tr.target.count import count_function
from edge_tr.target.emulator import emulate, flash_file
from edge_tr.target.link import EMULATED, Link
from edge_tr.target.port import open_port
from tests import flips
from tests.firmware.harness_build import HERE, compile_c, compile_runtime, run_c, write_tree
from tests.firmware.harness_models import lower_with, random_network
from tests.system.helpers import DIGITS, FLASH_FILE_ORIGIN, place, refused, run, succeed

BYTE_ON_THE_WIRE = 10 / 115200  # seconds
SLOWEST_HZ = 8_000_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    return functools.cache(lambda target: flips.build(target, tmp_path_factory.mktemp(target)))


# --- the sum ----------------------------------------------------------------------


def test_the_seal_is_the_sum_of_words_and_of_sums_modulo_2_32_less_1() -> None:
    words = [int(word) for word in np.random.default_rng(1).integers(0, 1 << 32, 300)]
    low = high = 0
    for word in words:
        low = (low + word) % 0xFFFFFFFF
        high = (high + low) % 0xFFFFFFFF
    model = b"".join(word.to_bytes(4, "little") for word in words)
    assert MODEL_SEAL.unpack(model_seal(model)) == {"bytes": 1200, "low": low, "high": high}


def test_every_change_of_one_or_two_bits_changes_the_seal() -> None:
    for words in (bytes(12), b"\xff" * 12, np.random.default_rng(2).bytes(12)):
        for positions in itertools.chain(itertools.combinations(range(96), 1), itertools.combinations(range(96), 2)):
            changed = int.from_bytes(words, "little")
            for position in positions:
                changed ^= 1 << position
            assert model_seal(changed.to_bytes(12, "little")) != model_seal(words), positions


# --- flips ----------------------------------------------------------------------


@pytest.mark.parametrize("target", flips.TARGETS)
@pytest.mark.parametrize("where", [flips.CONSTANTS, flips.GENERATED, flips.RUNTIME])
def test_every_flip_in_a_running_program_is_found(target: str, where: str, built) -> None:
    figures = flips.found_in_unicorn(built(target), where, 40, np.random.default_rng(3))
    assert figures.bytes > 1000 and figures.found == figures.tried == 40


@pytest.mark.parametrize("target", flips.TARGETS)
def test_the_loader_refuses_an_image_with_any_bit_flipped(target: str, built) -> None:
    figures = flips.refused_at_rest(built(target), 40, np.random.default_rng(4))
    assert figures.found == figures.tried == 40


def test_on_a_board_a_flip_is_found_before_the_next_inference(built) -> None:
    figures = flips.found_on_board(built("mps2-an386"), 10, np.random.default_rng(5))
    assert figures.found == figures.tried == 10


def test_an_idle_board_finds_a_flip_by_itself_and_forgets_one_that_went_away(tmp_path: Path) -> None:
    """Without --verify-before-invoke. The last byte of a weight table: nothing that runs meanwhile."""
    target = "mps2-an386"
    succeed("build", DIGITS, "--target", target, "-o", tmp_path, "--kernel", "int8")
    place(tmp_path, target)
    board, folder = boards.load(target), BuildFolder(tmp_path)
    image = folder.image.read_bytes()
    at = board.memory.flash_origin - FLASH_FILE_ORIGIN[target] + image.index(b"TRWT") + 200
    with (
        emulate(board, folder.state, loader_elf=folder.loader) as running,
        open_port(running.url, board.link.baud, board.link.parity) as port,
        flash_file(folder.state).open("r+b", buffering=0) as memory,
    ):
        link = Link(port, EMULATED)
        link.load_input(1, bytes(link.hello().input_bytes))
        for wanted in (False, True):
            flips._flip(memory, at, 0x10)
            deadline = time.monotonic() + 60
            while runs(link) is not wanted:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def runs(link: Link) -> bool:
    try:
        link.infer(1)
    except DeviceError as error:
        assert "the model in the board's flash is damaged" in str(error)
        return False
    return True


def test_invoke_refuses_a_damaged_model_and_computes_nothing(tmp_path: Path) -> None:
    """Where no build sealed the model, as in a user's own project: by its weight tables."""
    program = lower_with(parse(random_network(np.random.default_rng(6))), "int8", "lossless")
    runtime = compile_runtime(tmp_path)
    tree = write_tree(program, tmp_path / "tree", verifies=True)
    includes = [tree / "model", tree / "include"]
    source = tree / "model" / "model.c"
    text = source.read_text()
    changed = re.sub(
        r"(_table\[\d+\] = \{\s+(?:0x\w+u,\s+){10}0x)(\w)", lambda m: m[1] + f"{int(m[2], 16) ^ 1:x}", text
    )
    assert changed != text
    for code, status in ((text, 0), (changed, 1)):
        source.write_text(code)
        run_c(compile_c(tmp_path / "program", [source, HERE / "harness_invoke.c", runtime], includes), status=status)


# --- what it costs ----------------------------------------------------------------


@pytest.mark.parametrize("target", ["mps2-an385", "mps2-an386", "qemu-cortex-m0", "qemu-rv32ec", "qemu-rv32imc"])
def test_build_prints_what_a_check_costs_and_a_step_is_shorter_than_a_byte_on_the_wire(
    target: str, tmp_path: Path
) -> None:
    for core in tables_of(boards.load(target).core):
        options = ("--target", target, "--core", core, "-o", tmp_path, "--verify-before-invoke")
        manifest = succeed("build", DIGITS, *options, "--json").json
        protection = manifest["protection"]
        counted = count_function(BuildFolder(tmp_path).elf, cores.find(core), "tr_model_verify").cycles_estimated
        assert protection["verify_cycles"] == pytest.approx(counted, rel=0.02)
        assert 0.5 * manifest["flash_bytes"] < protection["verified_bytes"] < manifest["flash_bytes"]
        assert protection["before_invoke"] is True
        step = count_function(BuildFolder(tmp_path).elf, cores.find(core), "tr_model_verify_step").cycles_estimated
        assert step < BYTE_ON_THE_WIRE * SLOWEST_HZ


def test_people_read_what_it_costs(tmp_path: Path) -> None:
    for options, words in (((), "when told to"), (("--verify-before-invoke",), "before each inference")):
        out = succeed("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path, *options).out
        assert re.search(rf"model check: [\d,]+ bytes of constants and code, [\d,]+ cycles estimated, {words}", out)
    ran = run("build", DIGITS, "--target", "pynq-z2", "-o", tmp_path / "fpga", "--verify-before-invoke")
    refused(ran, 2, "checks of memory and signatures are for microcontrollers")
