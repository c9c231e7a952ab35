"""Names of models in C: which ones are taken, and what a build that has one shows to linker and preprocessor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_tr.codegen.naming import DEFAULT, LONGEST, Naming, named
from edge_tr.errors import UsageError
from edge_tr.manifest import BuildFolder
from tests.system.helpers import DIGITS, refused, run, succeed


@pytest.mark.parametrize("name", ["kws", "k", "Wake_Word2", "trail", "x" * LONGEST, "tr_model"])
def test_prefixes_of_c_names_are_taken(name: str) -> None:
    assert named(name) == Naming(name)
    assert named(name).is_default == (name == DEFAULT.prefix)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "letters, digits and _") for name in ("", "2x", "_k", "a-b", "a b", "ä", "x" * (LONGEST + 1), "a\n")),
        *((name, "names of the runtime begin with") for name in ("tr_kws", "tr_", "TR_x", "tr_models")),
        *(
            (name, "confused with another header")
            for name in ("string", "stdint", "Arduino", "assert", "identity", "model")
        ),
    ],
)
def test_others_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        named(name)


def test_public_names_follow_from_the_prefix() -> None:
    kws = named("kws")
    assert kws.instead_of("tr_model_invoke") == "kws_invoke"
    assert kws.instead_of("TR_MODEL_INPUT_BYTES") == "KWS_INPUT_BYTES"
    assert (DEFAULT.instead_of("tr_model_x"), DEFAULT.function("tr_a_code")) == ("tr_model_x", "tr_a_code")


def test_a_named_build_is_checked_and_counted_like_any_other(tmp_path: Path) -> None:
    """On the host, and, its instructions counted by its functions' names, on an emulated core."""
    succeed("build", DIGITS, "--target", "host", "--name", "kws", "--kernel", "pairs", "-o", tmp_path / "host")
    succeed("flash", tmp_path / "host")
    succeed("check", tmp_path / "host", "--layers")
    succeed("build", DIGITS, "--target", "mps2-an386", "--name", "kws", "--kernel", "pairs", "-o", tmp_path / "m4")
    plain = succeed("build", DIGITS, "--target", "mps2-an386", "--kernel", "pairs", "-o", tmp_path / "plain", "--json")
    manifest = BuildFolder(tmp_path / "m4").read()
    assert manifest.name == "kws" and manifest.flash_bytes == plain.json["flash_bytes"]
    assert [layer.flash_bytes for layer in manifest.layers] == [layer["flash_bytes"] for layer in plain.json["layers"]]
    assert succeed("bench", tmp_path / "m4", "--json").json["cycles_estimated"] > 0


def test_a_named_model_says_its_default_name_nowhere(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "host", "--name", "kws", "-o", tmp_path)
    for path in (tmp_path / "src" / "model").iterdir():
        assert path.name.startswith("kws") and not re.search(r"tr_model|TR_MODEL", path.read_text()), path


def test_an_accelerator_has_no_names_in_c(tmp_path: Path) -> None:
    refused(run("build", DIGITS, "--target", "pynq-z2", "--name", "a", "-o", tmp_path), 2, "for microcontrollers")
