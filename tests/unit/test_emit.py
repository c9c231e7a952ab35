"""The generated files: fresh, and the same numbers in C and SystemVerilog as in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_tr.formats import emit
from edge_tr.formats.emit import FORMATS, HARDWARE_FORMATS, snake
from edge_tr.formats.schema import Record
from tests.firmware.harness_build import command, compile_c, run_c

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "rtl" / "tr_formats_pkg.sv"
RECORDS = [record for item in FORMATS for record in item.records]
SAMPLES = 50


def test_committed_files_are_what_the_formats_print():
    stale = [path for path, text in emit.outputs().items() if (PROJECT / path).read_text(encoding="utf-8") != text]
    assert not stale, "run python -m edge_tr.formats.emit"
    check = [sys.executable, "-m", "edge_tr.formats.emit", "--check"]
    assert subprocess.run(check, cwd=PROJECT, capture_output=True).returncode == 0


def test_a_stale_file_is_named_and_rewritten(tmp_path, monkeypatch, capsys):
    """The script's root is patched to an empty folder."""
    monkeypatch.setattr(emit, "__file__", str(tmp_path / "edge_tr" / "formats" / "emit.py"))
    monkeypatch.setattr(sys, "argv", ["emit", "--check"])
    assert emit.main() == 1
    assert "tr_formats.h, rtl/tr_formats_pkg.sv, docs/formats.md" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["emit"])
    assert emit.main() == 0
    assert {path: (tmp_path / path).read_text(encoding="utf-8") for path in emit.outputs()} == emit.outputs()


def test_fields_of_long_records_must_be_whole_bytes_in_c():
    odd = emit.Record("Odd", "", (emit.Field("a", 4, ""), emit.Field("b", 36, "")))
    with pytest.raises(ValueError, match=r"Odd\.a"):
        emit._c_record(odd)


def test_the_document_names_every_constant_and_field():
    text = emit.markdown()
    for item in FORMATS:
        assert all(f"| `{c.name}` |" in text for c in item.constants)
        assert all(f"| `{m.name}` | {m.value} |" in text for e in item.enumerations for m in e.members)
    for record in RECORDS:
        for field in record.fields:
            low = record.offsets[field.name]
            assert f"| {low + field.bits - 1}:{low} | `{field.name}` | {field.bits} |" in text


# --- C -------------------------------------------------------------------------------


def named_numbers() -> dict[str, int]:
    """C name -> value of every constant and enumeration member."""
    numbers = {f"TR_{c.name}": c.value for item in FORMATS for c in item.constants}
    for enumeration in (e for item in FORMATS for e in item.enumerations):
        prefix = f"TR_{snake(enumeration.name).upper()}"
        numbers |= {f"{prefix}_{m.name}": m.value for m in enumeration.members}
    return numbers


def c_reader(record: Record) -> list[str]:
    """C statements that read one record and print its fields, then the record as its setters rebuild it."""
    name, long = f"tr_{snake(record.name)}", record.bits > 32
    lines = [f"    uint8_t in[{name.upper()}_SIZE], out[{name.upper()}_SIZE] = {{0}};"]
    lines += ["    if (fread(in, sizeof in, 1u, stdin) != 1u) { exit(1); }"]
    lines += [] if long else [f"    uint32_t word = tr_load_u{record.bits}(in); tr_store_u{record.bits}(out, word);"]
    for field in record.fields:
        getter, macro = f"{name}_{field.name}", f"{name}_{field.name}".upper()
        if field.name == "reserved":
            continue
        if field.is_bytes:
            lines += [f"    show(in + {macro}_OFFSET, {macro}_SIZE);"]
            lines += [f"    memcpy(out + {macro}_OFFSET, in + {macro}_OFFSET, {macro}_SIZE);"]
        else:
            lines += [f'    printf("%llu ", (unsigned long long){getter}({"in" if long else "word"}));']
            lines += [f"    {name}_set_{field.name}(out, {getter}(in));"] if long else []
    return [f"static void read_{name}(void)", "{", *lines, "    show(out, sizeof out);", "}"]


C_HEAD = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tr_formats.h"
static void show(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) { printf("%02x", (unsigned)bytes[i]); }
    printf(" ");
}
"""


def c_program() -> str:
    parts = [C_HEAD, *("\n".join(c_reader(record)) for record in RECORDS), "int main(void)\n{"]
    parts += [f'    printf("%llu ", (unsigned long long){name});' for name in named_numbers()]
    for record in RECORDS:
        parts += [f"    for (int i = 0; i < {SAMPLES}; i++) {{ read_tr_{snake(record.name)}(); }}"]
    return "\n".join([*parts, "    return 0;", "}", ""])


def expected_words(record: Record, packed: bytes) -> list[str]:
    """What `c_reader` must print; the setters leave reserved bits zero."""
    values = record.unpack(packed)
    words = [v.hex() if isinstance(v, bytes) else str(v) for name, v in values.items() if name != "reserved"]
    return [*words, record.pack(**values).hex()]


def test_c_reads_and_writes_the_same_values_as_python(tmp_path):
    source = tmp_path / "formats.c"
    source.write_text(c_program(), encoding="utf-8")
    program = compile_c(tmp_path / "formats", [source])
    rng = np.random.default_rng(0)
    data, expected = b"", [str(value) for value in named_numbers().values()]
    for record in RECORDS:
        for _ in range(SAMPLES):
            packed = record.pack(**record.unpack(rng.bytes(record.size)) | _no_reserved(record))
            data += packed
            expected += expected_words(record, packed)
    assert run_c(program, data).decode().split() == expected


def _no_reserved(record: Record) -> dict[str, int]:
    return {"reserved": 0} if "reserved" in record.offsets else {}


# --- SystemVerilog -------------------------------------------------------------------------


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.lower().split("_"))


def sv_numbers() -> dict[str, int]:
    """Name in the package -> value, as the declarations have it."""
    numbers = {}
    for item in (*FORMATS, *HARDWARE_FORMATS):
        numbers |= {camel(c.name): c.value for c in item.constants}
        for enumeration in item.enumerations:
            numbers |= {enumeration.name + camel(m.name): m.value for m in enumeration.members}
        for record in item.records:
            numbers[f"{record.name}Bits"] = record.bits
            for field in record.fields:
                numbers[f"{record.name}{camel(field.name)}Lsb"] = record.offsets[field.name]
                numbers[f"{record.name}{camel(field.name)}Bits"] = field.bits
    return numbers


SV_USER = """\
module uses_formats (
    input  logic [tr_formats_pkg::TermWordBits-1:0] word_i,
    output logic [tr_formats_pkg::TermWordExponentBits-1:0] exponent_o,
    output logic is_empty_o
);
  assign exponent_o = word_i[tr_formats_pkg::TermWordExponentLsb +: tr_formats_pkg::TermWordExponentBits];
  assign is_empty_o = 32'(exponent_o) == tr_formats_pkg::NoTerm;
  wire unused = &{1'b0, word_i};
endmodule
"""


@pytest.fixture
def user(tmp_path):
    path = tmp_path / "uses_formats.sv"
    path.write_text(SV_USER, encoding="utf-8")
    return path


def test_icarus_sees_every_constant_with_the_value_python_has(tmp_path):
    numbers = sv_numbers()
    lines = [f'    $display("{name} %0d", 32\'(tr_formats_pkg::{name}));' for name in numbers]
    bench = tmp_path / "bench.sv"
    bench.write_text("\n".join(["module bench;", "  initial begin", *lines, "  end", "endmodule", ""]))
    command("iverilog", "-g2012", "-Wall", "-s", "bench", "-o", tmp_path / "bench", PACKAGE, bench)
    printed = dict(line.split() for line in command("vvp", "-N", tmp_path / "bench").splitlines())
    assert {name: int(value) % 2**32 for name, value in printed.items()} == numbers


def test_the_package_declares_nothing_else():
    declared = [line.split()[2] for line in PACKAGE.read_text().splitlines() if line.startswith("  localparam int ")]
    assert sorted(declared) == sorted(sv_numbers())


def test_icarus_takes_a_module_that_uses_the_package(tmp_path, user):
    assert command("iverilog", "-g2012", "-Wall", "-o", tmp_path / "out", PACKAGE, user) == ""


def test_verilator_has_no_warning(user):
    assert command("verilator", "--lint-only", "-Wall", PACKAGE, user, "--top-module", "uses_formats") == ""


def test_yosys_reads_it_and_finds_the_fields_where_they_are(tmp_path, user):
    script = f"read_verilog -sv {PACKAGE} {user}; prep -top uses_formats; "
    for word, output, value in [
        ("FAFF", "exponent_o", "4'hA"),
        ("0F00", "is_empty_o", "1"),
        ("7EFF", "is_empty_o", "0"),
    ]:
        script += f"sat -verify -prove {output} {value} -set word_i 16'h{word}; "
    assert command("yosys", "-p", script, cwd=tmp_path).count("no model found: SUCCESS!") == 3
