"""`make conformance` runs many models in one program: names are kept apart, a fault has its seed, records a digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conformance, operators_table
from tests.firmware import closure, shared_images


@pytest.fixture
def one_place(tmp_path, monkeypatch):
    """A worker that has only this computer."""
    monkeypatch.setattr(conformance, "PLACES", ("host",))
    monkeypatch.setitem(conformance._WORKER, "scratch", tmp_path)
    conformance._runtime.cache_clear()
    yield
    conformance._runtime.cache_clear()


def test_cases_share_a_program_and_a_fault_is_that_of_its_seed(one_place, monkeypatch):
    linked, compile_host = [], shared_images.compile_host

    def counted(made, runtime, folder):
        linked.append(len(made))
        return compile_host(made, runtime, folder)

    monkeypatch.setattr(shared_images, "compile_host", counted)
    exact = conformance.checked("SOFTMAX", range(4), {})
    assert linked == [4] and [case.wrong for case in exact] == [""] * 4
    known = {case.seed: case.content for case in exact}
    assert all(known.values()) and conformance.checked("SOFTMAX", range(4), known) == exact and linked == [4]

    monkeypatch.setattr(conformance, "expected_bytes", _wrong_at(2, conformance.expected_bytes))
    cases = conformance.checked("SOFTMAX", range(4), known)
    assert [bool(case.wrong) for case in cases] == [False, False, True, False] and linked == [4, 1, 1]
    assert "C on the host" in cases[2].wrong


def _wrong_at(number, real):
    calls = []

    def expected_bytes(*given):
        calls.append(given)
        found = real(*given)
        return found if len(calls) != number + 1 else bytes([found[0] ^ 1]) + found[1:]

    return expected_bytes


def test_every_name_of_a_model_gets_the_prefix():
    text = """
#ifndef TR_MODEL_H
#define TR_MODEL_H
#define SCRATCH(type, at) (arena + (at))
bool tr_model_verify(void);
static _Alignas(16) int8_t arena[4];
const struct tr_tensor *tr_model_input_tensor(uint32_t number)
{
    return number ? &input_tensors[0].level : other->arena;
}
static uint32_t level = 1u;
extern tr_code conv_2d_0_a;
static tr_code *const conv_2d_0_codes[1] = {
    conv_2d_0_a,
};
"""
    names = shared_images._names(text)
    assert names == {
        "TR_MODEL_H", "SCRATCH", "tr_model_verify", "arena", "tr_model_input_tensor", "level", "conv_2d_0_a",
        "conv_2d_0_codes",
    }  # fmt: skip
    changed = shared_images._prefixed(text, names, "m7_")
    assert "m7_SCRATCH(type, at) (m7_arena + (at))" in changed and "[0].level : other->arena" in changed
    assert "{\n    m7_conv_2d_0_a,\n}" in changed and "struct tr_tensor *m7_tr_model_input_tensor(" in changed


def test_a_digest_hangs_on_what_is_linked_and_declared(monkeypatch):
    def digest(objects, extra=""):
        files = {Path(name): value for name, value in objects.items()}
        where = {"tr_add": Path("add"), "tr_multiply": Path("requant"), "tr_softmax": Path("softmax")}
        library = closure.Library(files, where, {path: needs.get(path.name, frozenset()) for path in files})
        return closure.digest_of(["static const struct tr_add x;\ntr_add(&x);", extra], library)

    needs = {"add": frozenset({"tr_multiply", "memcpy"})}
    objects = {"add": "1", "requant": "2", "softmax": "3"}
    first = digest(objects)
    assert digest(objects | {"softmax": "4"}) == first
    assert digest(objects | {"requant": "4"}) != first and digest(objects | {"add": "4"}) != first
    assert digest(objects, "TR_NO_TERM") != first
    declared = dict(closure._declared())
    other = {name: [f"{piece} " for piece in pieces] for name, pieces in declared.items()}
    monkeypatch.setattr(closure, "_declared", lambda: declared | {"tr_softmax": other["tr_softmax"]})
    assert digest(objects) == first
    monkeypatch.setattr(closure, "_declared", lambda: declared | {"tr_factor": other["tr_factor"]})
    assert digest(objects) != first  # a member of struct tr_add


def test_the_table_has_every_operator_and_reason():
    case = conformance.Case("ADD int16", 0, "int16", refused="ADD (operator 0): found this; supported: that")
    exact = conformance.Case("ADD", 0, "int8")
    text = operators_table.document({"ADD": [exact], "ADD int16": [case]}, ("cortex-m0",))
    assert "| ADD | 1 to 5 | int16, int8 | 2 | 1 | 1: found this; supported: that | 0 |" in text
    assert "not complete" not in text
    more = operators_table.document({"ADD": [exact]}, ("cortex-m0",), missing=1199, stale=1)
    assert "**The run is not complete**: 1 of 1,200 cases ran, 1 of them before a source" in more
    assert "### CUMSUM" in text and "* mode ...; supported: REFLECT or SYMMETRIC" in text
