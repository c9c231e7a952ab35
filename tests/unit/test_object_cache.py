"""Objects that tests share are those that the compiler would make anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_tr.target.toolchain import CompilerFailed
from tests.object_cache import RUN, ObjectCache


class Counted(ObjectCache):
    """With an object's bytes, and whether it was there."""

    def compiled(self, source: Path, *options: str) -> tuple[bytes, bool]:
        before = set(self._folder.iterdir())
        target = source.with_suffix(".o")
        self(["gcc", *options, f"-I{source.parent}", "-c", str(source), "-o", str(target)])
        return target.read_bytes(), set(self._folder.iterdir()) == before


@pytest.fixture
def cache(tmp_path: Path) -> Counted:
    return Counted(tmp_path / "objects")


def written(folder: Path, value: int = 1, name: str = "program.c") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "inner.h").write_text(f"#define VALUE {value}\n")
    (folder / "outer.h").write_text('#include <stdint.h>\n#include "inner.h"\n')
    (folder / name).write_text('#include "outer.h"\nint32_t value(void) { return VALUE; }\n')
    return folder / name


def test_the_same_text_elsewhere_is_compiled_once(cache: Counted, tmp_path: Path) -> None:
    first, known = cache.compiled(written(tmp_path / "here"), "-O2")
    assert not known
    second, known = cache.compiled(written(tmp_path / "there"), "-O2")
    assert known and second == first
    source = written(tmp_path / "anew")
    RUN(["gcc", "-O2", "-c", str(source), "-o", str(tmp_path / "anew.o")])
    assert (tmp_path / "anew.o").read_bytes() == first


def test_another_header_option_or_name_is_another_object(cache: Counted, tmp_path: Path) -> None:
    first, _ = cache.compiled(written(tmp_path / "a"), "-O2")
    for source, option in (
        (written(tmp_path / "b", value=2), "-O2"),
        (written(tmp_path / "c"), "-O0"),
        (written(tmp_path / "d", name="other.c"), "-O2"),
    ):
        other, known = cache.compiled(source, option)
        assert not known and other != first


@pytest.mark.parametrize("text", ["const char *where = __FILE__;\n", '#define H "inner.h"\n#include H\n'])
def test_what_may_depend_on_more_is_always_compiled(text: str, cache: Counted, tmp_path: Path) -> None:
    source = written(tmp_path / "a")
    source.write_text(text)
    cache.compiled(source)
    assert not os.listdir(tmp_path / "objects")


def test_a_failure_is_not_kept(cache: Counted, tmp_path: Path) -> None:
    source = written(tmp_path / "a")
    source.write_text("#error no\n")
    for _ in range(2):
        with pytest.raises(CompilerFailed) as failed:
            cache.compiled(source)
        assert "#error no" in failed.value.said
    assert not os.listdir(tmp_path / "objects")
