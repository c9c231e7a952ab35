"""Bills of materials: valid CycloneDX, the same bytes again, and complete for what ends up on the device."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from edge_tr import boards, compiler, resources
from edge_tr.sbom import GCC_RUNTIME, OURS, Component, bill
from edge_tr.target import linkmap
from tests.conftest import PROJECT
from tests.system.helpers import DIGITS

MICROCONTROLLERS = ("host", "mps2-an386", "nucleo-g0b1re", "qemu-rv32ec")


def built(folder: Path, target: str) -> dict:
    """The bill of a build of the digits."""
    compiler.build(DIGITS, target, folder)
    return read(folder)


def read(folder: Path) -> dict:
    return json.loads((folder / "sbom.cdx.json").read_text(encoding="utf-8"))


def by_name(document: dict) -> dict[str, dict]:
    named = {part["name"]: part for part in document["components"]}
    assert len(named) == len(document["components"])
    return named


def licence(part: dict) -> str:
    return part.get("licenses", [{"expression": ""}])[0]["expression"]


def facts(part: dict) -> dict[str, str]:
    return {fact["name"].removeprefix("edge-tr:"): fact["value"] for fact in part.get("properties", ())}


@pytest.mark.parametrize("target", [*MICROCONTROLLERS, "pynq-z2"])
def test_every_kind_of_build_has_a_bill_that_the_published_schema_takes(target: str, tmp_path: Path) -> None:
    built(tmp_path / "out", target)
    text = (tmp_path / "out" / "sbom.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert str(tmp_path) not in text and str(PROJECT) not in text


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong = bill(Component("no such type", "x"), ())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


@pytest.mark.parametrize("target", ["nucleo-g0b1re", "pynq-z2"])
def test_the_same_build_has_the_same_bill(target: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        built(tmp_path / name, target)
    assert (tmp_path / "one" / "sbom.cdx.json").read_bytes() == (tmp_path / "two" / "sbom.cdx.json").read_bytes()


@pytest.mark.parametrize("target", ["mps2-an386", "nucleo-g0b1re", "qemu-rv32ec"])
def test_every_byte_of_the_image_is_somebodys(target: str, tmp_path: Path) -> None:
    """But for the stack and what aligns the pieces."""
    found = built(tmp_path, target)["components"]
    in_files = sum(int(facts(part).get("bytes in firmware", 0)) for part in found)
    members = ", ".join(facts(part)["in firmware"] for part in found if "in firmware" in facts(part))
    in_libraries = sum(int(member.split()[1]) for member in members.split(", ") if member)
    prefix = boards.load(target).toolchain.prefix
    listing = subprocess.run(
        [f"{prefix}size", "-A", "firmware.elf"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    sections = {line.split()[0]: int(line.split()[1]) for line in listing.stdout.splitlines() if line.startswith(".")}
    loaded = {name: size for name, size in sections.items() if not name.startswith(linkmap.NOT_LOADED)}
    gaps = sum(loaded.values()) - loaded.get(".stack", 0) - in_files - in_libraries
    assert 0 <= gaps < 8 * len(found)


def test_sources_are_named_with_their_digests_and_licences(tmp_path: Path) -> None:
    document = built(tmp_path, "mps2-an386")
    parts = by_name(document)
    for name in ("firmware/src/tr_crc32.c", "firmware/boot/an3155.c", "boards/common/cortex_m_start.c"):
        top, _, path = name.partition("/")
        data = (resources.folder(top) / path).read_bytes()
        assert parts[name]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]
        assert licence(parts[name]) == OURS
    assert facts(parts["firmware/src/tr_crc32.c"]).keys() == {"bytes in firmware", "bytes in loader"}
    assert licence(parts["model/model.c"]) == ""  # the model's owner knows
    assert "firmware/src/tr_mean.c" not in parts  # compiled, and nothing of it kept
    model = parts[DIGITS.name]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"][0]["content"] == hashlib.sha256(DIGITS.read_bytes()).hexdigest()
    image = hashlib.sha256((tmp_path / "firmware.bin").read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"][0]["content"] == image


def test_the_compilers_own_library_is_named_with_what_it_gave(tmp_path: Path) -> None:
    parts = by_name(built(tmp_path, "nucleo-g0b1re"))
    assert licence(parts["libgcc"]) == GCC_RUNTIME and parts["libgcc"]["version"]
    assert "_muldi3.o" in facts(parts["libgcc"])["in firmware"]


def test_a_users_board_has_the_licence_that_its_files_name_and_no_other(tmp_path: Path) -> None:
    shutil.copytree(resources.folder("boards"), tmp_path / "boards")
    mine = tmp_path / "boards" / "mps2-an386"
    tagged = tmp_path / "boards" / "common" / "cmsdk.c"
    tagged.write_text(f"/* SPDX-License-Identifier: MIT */\n{tagged.read_text(encoding='utf-8')}", encoding="utf-8")
    parts = by_name(built(tmp_path / "out", str(mine)))
    assert licence(parts["common/cmsdk.c"]) == "MIT"
    assert licence(parts["common/cortex_m_start.c"]) == ""


def test_an_accelerators_package_is_listed_file_by_file(tmp_path: Path) -> None:
    parts = by_name(built(tmp_path, "pynq-z2"))
    for name, of in {"agent.py": OURS, "vivado/rtl/tr_core.sv": OURS, "edge_tr_pynq/program.npz": ""}.items():
        assert parts[name]["hashes"][0]["content"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert licence(parts[name]) == of
    modules = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
    assert modules and modules <= parts.keys()


def test_a_bill_is_that_of_the_build_beside_it(tmp_path: Path) -> None:
    """A build that does not fit leaves the earlier one with its bill; where nothing is to flash there is none."""
    built(tmp_path / "old", "nucleo-g0b1re")
    before = (tmp_path / "old" / "sbom.cdx.json").read_bytes()
    for folder in ("old", "new"):
        with pytest.raises(compiler.NotFitting):
            compiler.build(DIGITS, "nucleo-g0b1re", tmp_path / folder, flash_limit=1024)
    assert (tmp_path / "old" / "sbom.cdx.json").read_bytes() == before
    assert not (tmp_path / "new").exists()
    compiler.build(DIGITS, "nucleo-g0b1re", tmp_path / "old", budget="k=4")
    assert (tmp_path / "old" / "sbom.cdx.json").read_bytes() != before


def test_a_map_is_read_with_names_on_a_line_of_their_own() -> None:
    text = """
Archive member included
 .text          0x00000000      0x114 /lib/libgcc.a(_udivsi3.o)

Linker script and memory map

LOAD a.o
.text           0x08000000     0x5378
 *(.text*)
 .text          0x08000000        0x0 a.o
 .text.short    0x08000000       0x10 a.o
 .text.a_name_that_is_too_long_for_one_line
                0x08000010       0x20 a.o
 *fill*         0x08000030        0x2 00
 .text          0x08000032        0x6 /lib/libgcc.a(_muldi3.o)
 .comment       0x00000000       0x21 a.o
 .bss           0x20000000        0x0 b.o
"""
    assert linkmap.kept(text) == {"a.o": 0x30, "/lib/libgcc.a(_muldi3.o)": 6}
