"""Flipped bits in flash: `python -m tests.flips`, the first part of `make soak`.

While a program runs, each in turn of `count` bits of the model's constants, of its generated code and of the runtime is
flipped. The check must find it before the next inference: the very build of a board runs in Unicorn, and again on the
emulated board, behind its serial link, with --verify-before-invoke. At rest, bits anywhere in the image are flipped:
the loader, in Unicorn too, must refuse it. What the check does not cover is counted in bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge_tr import boards, compiler
from edge_tr.errors import DeviceError
from edge_tr.manifest import BuildFolder
from edge_tr.target.count_trace import Machine, require
from edge_tr.target.emulator import emulate, flash_file
from edge_tr.target.link import EMULATED, Link
from edge_tr.target.port import open_port
from tests.system.helpers import DIGITS, FLASH_FILE_ORIGIN, place

CHECK = ("tr_verify", "tr_model_verify", "advance", "is_right", "fold", "sealed", "model_words", "tr_crc32", "table.")
"""How names begin of what the check consists of, where a flip may be what hides it, and of the link's CRC-32 and its
table, where one ends the link."""
CONSTANTS, GENERATED, RUNTIME, ITSELF = (
    "the model's constants",
    "its generated code",
    "the runtime",
    "the check itself, CRC-32",
)
AT_REST, ON_BOARD = "anywhere in the image, at rest", "the same three, on the emulated board"


@dataclass(frozen=True)
class Figures:
    """One line of the report: of `tried` bits flipped in `bytes`, how many were found; `bytes` where none was tried."""

    board: str
    where: str
    bytes: int
    tried: int
    found: int


@dataclass(frozen=True)
class Program:
    """A build for flips: its parts as (address, bytes) by kind, of what is checked and of what is not."""

    target: str
    folder: BuildFolder
    checked: dict[str, list[tuple[int, int]]]
    unchecked: dict[str, int]


def build(target: str, folder: Path) -> Program:
    """Digits with generated code in one layer and tables in the others, flashed."""
    compiler.build(DIGITS, target, folder, kernels=["conv_2d_0=pairs"], protect=compiler.Protect(verifies=True))
    place(folder, target)
    built = BuildFolder(folder)
    parts: dict[str, list[tuple[int, int]]] = {CONSTANTS: [], GENERATED: [], RUNTIME: [], ITSELF: []}
    with built.elf.open("rb") as stream:
        file = require("elftools.elf.elffile").ELFFile(stream)
        model = file.get_section_by_name(".tr_model")
        sizes = {section.name: section["sh_size"] for section in file.iter_sections()}
        for symbol in file.get_section_by_name(".symtab").iter_symbols():
            start, size = symbol["st_value"] & ~1, symbol["st_size"]
            if size and 0 <= start - model["sh_addr"] < model["sh_size"]:
                parts[_kind(symbol)].append((start, size))
    unchecked = {"vectors and header": sizes[".vectors"], "start-up, drivers, link": sizes[".text"]}
    unchecked |= {"the model's sum": sizes[".tr_seal"], "the loader": _loaded(built.loader)}
    return Program(target, built, parts, unchecked)


def _kind(symbol: object) -> str:
    if symbol.name.startswith(CHECK):
        return ITSELF
    if symbol["st_info"]["type"] == "STT_OBJECT":
        return CONSTANTS
    return GENERATED if "_code" in symbol.name else RUNTIME


def _loaded(elf: Path) -> int:
    """Bytes of a program's code and constants."""
    with elf.open("rb") as stream:
        file = require("elftools.elf.elffile").ELFFile(stream)
        return sum(segment["p_filesz"] for segment in file.iter_segments() if segment["p_type"] == "PT_LOAD")


def bits(parts: Sequence[tuple[int, int]], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(address, mask) of `count` bits, all equally likely."""
    addresses = np.concatenate([np.arange(start, start + size) for start, size in parts])
    for place_ in rng.integers(0, 8 * len(addresses), count):
        yield int(addresses[place_ // 8]), 1 << int(place_ % 8)


def found_in_unicorn(program: Program, where: str, count: int, rng: np.random.Generator) -> Figures:
    """Flip, verify, flip back; the check of the build itself, run as the core runs it."""
    machine = Machine(program.folder.elf)
    parts, found = program.checked[where], 0
    assert machine.call("tr_model_verify") & 0xFF == 1, "an intact model fails its check"
    for address, mask in bits(parts, count, rng):
        (byte,) = machine.read(address, 1)
        machine.write(address, bytes([byte ^ mask]))
        found += machine.call("tr_model_verify") & 0xFF == 0
        machine.write(address, bytes([byte]))
    assert machine.call("tr_model_verify") & 0xFF == 1
    return Figures(program.target, where, sum(size for _, size in parts), count, found)


def refused_at_rest(program: Program, count: int, rng: np.random.Generator) -> Figures:
    """The loader's own judgement of the image with one bit flipped."""
    board, image = boards.load(program.target), program.folder.image.read_bytes()
    machine = Machine(program.folder.loader)
    origin = board.memory.flash_origin
    machine.map(origin, len(image))
    machine.write(origin, image)
    assert machine.call("tr_image_is_good", origin) & 0xFF == 1, "the loader refuses an intact image"
    refused = 0
    for address, mask in bits([(origin, len(image))], count, rng):
        byte = image[address - origin]
        machine.write(address, bytes([byte ^ mask]))
        refused += machine.call("tr_image_is_good", origin) & 0xFF == 0
        machine.write(address, bytes([byte]))
    return Figures(program.target, AT_REST, len(image), count, refused)


def found_on_board(program: Program, count: int, rng: np.random.Generator) -> Figures:
    """Flips in the memory of a running emulated board, each followed by an inference over its link."""
    board, folder = boards.load(program.target), program.folder
    parts = [part for where in (CONSTANTS, GENERATED, RUNTIME) for part in program.checked[where]]
    offset = FLASH_FILE_ORIGIN[program.target]
    with (
        emulate(board, folder.state, loader_elf=folder.loader) as running,
        open_port(running.url, board.link.baud, board.link.parity) as port,
        flash_file(folder.state).open("r+b", buffering=0) as memory,
    ):
        link = Link(port, EMULATED)
        size, found = link.hello().input_bytes, 0
        for sample, (address, mask) in enumerate(bits(parts, count, rng), 1):
            link.load_input(sample, bytes(size))
            _flip(memory, address - offset, mask)
            found += _is_refused(lambda sample=sample: link.infer(sample))
            _flip(memory, address - offset, mask)
            link.infer(sample)
    return Figures(program.target, ON_BOARD, sum(size for _, size in parts), count, found)


def _flip(memory: object, offset: int, mask: int) -> None:
    memory.seek(offset)
    (byte,) = memory.read(1)
    memory.seek(offset)
    memory.write(bytes([byte ^ mask]))


def _is_refused(infer: Callable[[], object]) -> bool:
    try:
        infer()
    except DeviceError as error:
        return "the model in the board's flash is damaged" in str(error)
    return False


TARGETS = ("mps2-an386", "qemu-cortex-m0", "qemu-rv32imc")


def campaign(scratch: Path, count: int, seed: int, targets: Sequence[str] = TARGETS) -> Iterator[Figures]:
    """Everything, on a core of each instruction set."""
    for number, target in enumerate(targets):
        rng = np.random.default_rng([seed, number])
        program = build(target, scratch / target)
        for where in (CONSTANTS, GENERATED, RUNTIME):
            yield found_in_unicorn(program, where, count, rng)
        yield found_on_board(program, count, rng)
        yield refused_at_rest(program, count, rng)
        yield Figures(target, ITSELF, sum(size for _, size in program.checked[ITSELF]), 0, 0)
        for where, size in program.unchecked.items():
            yield Figures(target, where, size, 0, 0)


def main() -> int:
    """Entry point; the exit code: 1 if a flip was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.flips", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="bits of each kind (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of all flips (default %(default)s)")
    parser.add_argument("-o", dest="out", type=Path, metavar="FILE.json", help="where figures go besides")
    arguments = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        for line in campaign(Path(scratch), arguments.count, arguments.seed):
            figures.append(line)
            tried = f"{line.found} of {line.tried} found" if line.tried else "not covered"
            print(f"flips: {line.board}, {line.where}: {line.bytes:,} bytes, {tried}", file=sys.stderr, flush=True)
    if arguments.out:
        lines = [asdict(line) for line in figures]
        arguments.out.write_text(json.dumps({"seed": arguments.seed, "lines": lines}, indent=2) + "\n")
    return int(any(line.found < line.tried for line in figures))


if __name__ == "__main__":
    sys.exit(main())
