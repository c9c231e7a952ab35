"""board.toml: what ships is valid, and what is wrong in a user's one is said all at once."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from edge_tr import boards, resources
from edge_tr.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
RAN = (
    "hifive1-revb",
    "host",
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "mps2-an500",
    "mps2-an505",
    "mps3-an547",
    "netduinoplus2",
    "qemu-cortex-m0",
    "qemu-rv32ec",
    "qemu-rv32imc",
    "rpi-pico",
    "stm32vldiscovery",
)
ONLY_BUILD = (
    "arduino-nano33ble",
    "ch32v003-evt",
    "ch32v307-evt",
    "longan-nano",
    "microbit-v2",
    "nucleo-g0b1re",
    "nucleo-h743zi",
    "nucleo-l4r5zi",
    "nucleo-u575zi-q",
    "rpi-pico2",
    "stm32f4-discovery",
)
READS = '[reads]\nclock_hz = {}\nwait_states = 5\nwidth = {}\nmanual = "none"\n{}\n'
NAMES = tuple(sorted(RAN + ONLY_BUILD))
MCUBOOT = "[mcuboot]\nslot_bytes = {}\nheader_bytes = {}\nalign = {}\n"


def test_these_boards_ship() -> None:
    assert boards.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_board_that_ships_is_valid_and_complete(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert board.manuals
    parts = [board.application, *([board.second_stage] if board.second_stage else [])]
    for part in parts:
        assert all(path.is_file() for path in part.sources)
        assert all(path.is_dir() for path in part.include_dirs)
        assert len({path.name for path in part.sources}) == len(part.sources)
    if board.counts_on:
        assert boards.load(board.counts_on).instructions_per_tick


def test_boards_that_never_ran_say_so() -> None:
    assert {name for name in NAMES if boards.load(name).verified == "builds"} == set(ONLY_BUILD)


def test_product_ids_differ_so_that_a_wrong_board_is_found() -> None:
    ids = [boards.load(name).flash.product_id for name in NAMES if boards.load(name).flash.protocol == "an3155"]
    assert len(set(ids)) == len(ids)


def test_instructions_per_tick_is_exact() -> None:
    assert boards.load("mps2-an386").instructions_per_tick == Fraction(5, 8)
    assert boards.load("qemu-rv32ec").instructions_per_tick == 1
    assert boards.load("host").instructions_per_tick is None
    assert boards.load("nucleo-l4r5zi").instructions_per_tick is None
    assert (boards.load("rpi-pico").instructions_per_tick, boards.load("rpi-pico").cycles_per_tick) == (None, 125)


@pytest.mark.parametrize(("typed", "meant"), [("mps2-an368", "mps2-an386"), ("nucleo-l4r5z", "nucleo-l4r5zi")])
def test_an_unknown_board_gets_a_suggestion(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"unknown board '{typed}': did you mean {meant}"):
        boards.load(typed)


def test_a_board_unlike_any_gets_the_list() -> None:
    with pytest.raises(UsageError, match="there are arduino-nano33ble, ch32v003-evt"):
        boards.load("zzz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's copy of a board, beside a copy of the shared drivers."""
    shutil.copytree(resources.folder("boards") / "common", tmp_path / "common")
    return Path(shutil.copytree(resources.folder("boards") / "mps2-an386", tmp_path / "mps2-an386"))


def test_a_folder_is_a_board(folder: Path) -> None:
    board = boards.load(str(folder))
    assert board.folder == folder
    assert board.application.sources[0] == folder.parent / "common" / "cortex_m_start.c"


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "board.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    edit(folder, 'core = "cortex-m4"', 'cores = "cortex-m4"')
    edit(folder, "baud = 115200", 'baud = "fast"')
    edit(folder, 'verified = "emulator"', 'verified = "perhaps"')
    edit(folder, "stack_bytes = 0x4000", "")
    edit(folder, "count = 1024", "count = -1")
    with pytest.raises(UsageError) as caught:
        boards.load(str(folder))
    message = str(caught.value)
    assert str(folder / "board.toml") in message
    for problem in (
        "cores: unknown key, did you mean core?",
        "core: missing",
        "link.baud: 'fast' is not a non-negative integer",
        "verified: 'perhaps' is not one of 'hardware', 'emulator', 'builds'",
        "memory.stack_bytes: missing",
        "flash.pages[0].count: -1 is not a non-negative integer",
    ):
        assert problem in message


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "mps2-an386"', 'name = "other"', "name: 'other' is not the folder's name"),
        ("tr_counter.c", "missing.c", "sources: no file ../common/missing.c"),
        ("ram_origin = 0x2000_0000", "ram_origin = 0x2100_0000", "memory: flash and ram overlap"),
        ("origin = 0x0\n", "origin = 0x2000_0000\n", "overlap"),
        ("stack_bytes = 0x4000", "stack_bytes = 0x4000_0000", "memory.stack_bytes: more than ram_bytes"),
        ("stack_bytes = 0x4000", "stack_bytes = 0x40", "memory.stack_margin_bytes: more than stack_bytes"),
        ('"5/8"', '"five"', "emulator.instructions_per_tick: 'five' is not like 1 or 5/8"),
        (
            'instructions_per_tick = "5/8"',
            'cycles_per_tick = "one"',
            "emulator.cycles_per_tick: 'one' is not like 1 or",
        ),
        ('"5/8"', '"5/8"\ncycles_per_tick = "1"', 'emulator.cycles_per_tick: needs instructions_per_tick = "0"'),
        ('linker_script = "../common/cortex-m.ld"', "", "sources.linker_script: needed"),
        ('verified = "emulator"', 'verified = "builds"', "verified: 'builds' does not go with an emulator"),
        ('program = "qemu-system-arm"', 'program = ["a"]', "emulator.program: ['a'] is not a string"),
        ('protocol = "an3155"', 'protocol = "uf2"', "flash.drive: needed for flash.protocol = 'uf2'"),
        ('protocol = "an3155"', 'protocol = "uf2"', 'flash.family: needed for flash.protocol = "uf2"'),
        ('protocol = "an3155"', 'protocol = "command"', 'flash.commands: needed for flash.protocol = "command"'),
        (
            'protocol = "an3155"',
            'protocol = "mcumgr"',
            'mcuboot: needed for flash.protocol = "mcumgr", and for no other',
        ),
        ("[link]", MCUBOOT.format(0x41_0000, 512, 3) + "[link]", "mcuboot.align: 3 is none of 1, 2, 4, 8, 16, 32"),
        (
            "[link]",
            MCUBOOT.format(0x41_0000, 30, 2) + "[link]",
            "mcuboot.header_bytes: 30 is less than 32 or not aligned",
        ),
        ("[link]", MCUBOOT.format(0x40_0000, 512, 4) + "[link]", "mcuboot.slot_bytes: less than header_bytes and"),
        ("[link]", MCUBOOT.format(0x41_0000, 512, 4) + 'key = "k.pem"\n[link]', "mcuboot.key: no file k.pem"),
        ("product_id = 0xED86", "base = 0x2200_0000", "flash.base: behind memory.flash_origin"),
        ("product_id = 0xED86", 'usb = ["483:374B"]', "usb: '483:374B' is not like 0483:374b"),
        (
            "product_id = 0xED86",
            'commands = [{ program = "a", install = "b", arguments = ["{file}"] }]',
            "flash.commands: '{file}' of a has in braces what is none of address, bin, elf, hex, offset, port, uf2",
        ),
        (
            "product_id = 0xED86",
            'commands = [{ program = "a", install = "b", arguments = ["{bin} {"] }]',
            "flash.commands: '{bin} {' of a has in braces what is none of",
        ),
        (
            '"-kernel", "{loader}"',
            '"-kernel", "{loaders}"',
            "emulator.arguments: '{loaders}' has in braces what is none of boot, common, flash, flash_origin, image, "
            "image_hex, listener, loader, modules",
        ),
        ("[link]", "[reads]\nclock_hz = 0\n[link]", "reads.width: missing"),
        ("[link]", READS.format("0", "8", "") + "[link]", "reads.clock_hz: a core does not stand still"),
        ("[link]", READS.format("1", "12", "") + "[link]", "reads.width: 12 is no power of two"),
        ("[link]", READS.format("1", "0", "") + "[link]", "reads.width: 0 is no power of two"),
        (
            "[link]",
            READS.format("1", "8", "staging_percent = 101") + "[link]",
            "reads.staging_percent: 101 is more than there is",
        ),
        (
            "[link]",
            READS.format("1", "8", "code_cache = { lines = 6, line_bytes = 8, ways = 4 }") + "[link]",
            "reads.code_cache.lines: 6 does not make sets of 4 ways",
        ),
        (
            "[link]",
            READS.format("1", "8", "data_cache = { lines = 4, line_bytes = 4 }") + "[link]",
            "reads.data_cache.line_bytes: 4 is no power of two, or less than an access",
        ),
        (
            "[link]",
            READS.format("1", "8", "data_cache = { lines = 4, line_bytes = 512 }") + "[link]",
            "reads.data_cache.line_bytes: 512 is more than 32 accesses to flash",
        ),
        ("[link]", READS.format("1", "8", "unified = true") + "[link]", "reads.unified: needs code_cache"),
        ("[link]", "[link", "board.toml: "),
        ("[link]", "[[link]]", "[link] must be a table"),
    ],
)
def test_what_contradicts_is_reported(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder, old, new)
    with pytest.raises(UsageError) as caught:
        boards.load(str(folder))
    assert problem in str(caught.value)


def test_no_code_knows_a_board_by_its_name() -> None:
    named = re.compile("|".join(re.escape(name) for name in NAMES if name != "host"))
    files = [*ROOT.glob("edge_tr/target/*.py"), *ROOT.glob("edge_tr/boards/*.py"), *ROOT.glob("boards/common/*")]
    files += [*ROOT.glob("firmware/*/*.[ch]")]
    assert [path.name for path in files if named.search(path.read_text())] == []
