"""Signed images from key to board: `edge-tr keys`, `build --sign`, and an emulated board that starts no other."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

import pytest

from edge_tr import boards
from edge_tr.formats import image
from edge_tr.manifest import BuildFolder
from edge_tr.target.signing import Signer
from tests.system.helpers import DIGITS, place, refused, run, succeed

BOARD = "mps2-an386"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "other"):
        succeed("keys", "-o", folder / name)
    return folder


def build(folder: Path, *options: object, board: str = BOARD) -> dict:
    return succeed("build", DIGITS, "--target", board, "-o", folder, "--json", *options).json


def test_a_pair_of_keys_is_made_once_and_the_private_one_is_for_its_owner(tmp_path: Path) -> None:
    made = succeed("keys", "-o", tmp_path / "k", "--json").json
    assert stat.S_IMODE(Path(made["private"]).stat().st_mode) == 0o600
    assert Signer(Path(made["private"])).public_key.hex() == made["public_key"]
    before = Path(made["private"]).read_bytes()
    refused(run("keys", "-o", tmp_path / "k"), 2, "exists already", "not overwritten")
    assert Path(made["private"]).read_bytes() == before
    refused(run("keys", "-o", tmp_path / "none" / "k"), 2, "cannot write")


def test_the_signature_is_of_the_image_and_its_header_has_the_version(keys: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    build(tmp_path, "--sign", keys / "ours.pem", "--image-version", 7)
    body, signature = image.split(BuildFolder(tmp_path).image.read_bytes())
    assert image.check(body)["image_version"] == 7
    load_pem_public_key((keys / "ours.pub.pem").read_bytes()).verify(signature, body)  # raises where it is wrong


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the key"),
        ("", "is not a private key in PEM"),
        ("public", "is not a private key in PEM"),
        ("rsa", "is not for Ed25519"),
        ("locked", "has a passphrase"),
    ],
)
def test_a_key_that_cannot_sign_is_named(content: str | None, words: str, keys: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    def private(key: object, lock: object) -> bytes:
        return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, lock)

    key = tmp_path / "key.pem"
    contents = {
        "": b"",
        "public": (keys / "ours.pub.pem").read_bytes(),
        "rsa": private(ec.generate_private_key(ec.SECP256R1()), pem.NoEncryption()),
        "locked": private(ed25519.Ed25519PrivateKey.generate(), pem.BestAvailableEncryption(b"secret")),
    }
    if content is not None:
        key.write_bytes(contents[content])
    refused(run("build", DIGITS, "--target", BOARD, "-o", tmp_path / "out", "--sign", key), 2, words)
    assert not (tmp_path / "out").exists()


def test_choices_that_mean_nothing_are_refused(keys: Path, tmp_path: Path) -> None:
    key = ("--sign", keys / "ours.pem")
    cases = [
        (BOARD, ("--image-version", 3), "--image-version needs --sign"),
        (BOARD, (*key, "--image-version", 65536), "0 to 65535"),
        (BOARD, (*key, "--image-version", -1), "0 to 65535"),
        ("host", key, "--sign is for images in flash"),
        ("pynq-z2", key, "signatures are for microcontrollers"),
    ]
    for board, options, words in cases:
        refused(run("build", DIGITS, "--target", board, "-o", tmp_path / "out", *options), 2, words)


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    refused(run("keys", "-o", tmp_path / "k"), 5, "pip install 'edge-tr[sign]'")


def test_build_says_what_the_loader_takes_and_where_nothing_enforces_it(keys: Path, tmp_path: Path) -> None:
    signed = build(tmp_path, "--sign", keys / "ours.pem")["protection"]["signature"][0]
    assert 8_000 < signed["checking"] < signed["loader_bytes"] <= boards.load(BOARD).loader.bytes
    assert signed["way_back"] is True
    lines = succeed("build", DIGITS, "--target", BOARD, "-o", tmp_path, "--sign", keys / "ours.pem").out
    text = " ".join(lines.split())
    assert "bytes, " in text and "to check signatures, and keeps a copy to go back to" in text
    rom = succeed("build", DIGITS, "--target", "nucleo-l4r5zi", "-o", tmp_path, "--sign", keys / "ours.pem").out
    assert "NOT ENFORCED: this board's only loader is in ROM" in rom


def test_a_signed_build_is_flashed_and_checked_and_no_other_image_starts(keys: Path, tmp_path: Path) -> None:
    """An unsigned image, somebody else's and an older one, in the memory of a board that ran ours."""
    ours, other = tmp_path / "ours", tmp_path / "other"
    build(ours, "--sign", keys / "ours.pem", "--image-version", 2)
    succeed("flash", ours)
    assert run("check", ours, "--limit", 1).code == 0
    for options in ((), ("--sign", keys / "other.pem"), ("--sign", keys / "ours.pem", "--image-version", 1)):
        build(other, *options)
        (BuildFolder(ours).image).write_bytes(BuildFolder(other).image.read_bytes())
        refused(run("flash", ours), 6)
    build(other, "--sign", keys / "ours.pem", "--image-version", 2)
    shutil.copyfile(BuildFolder(other).image, BuildFolder(ours).image)
    succeed("flash", ours)
    assert run("check", ours, "--limit", 1).code == 0


def test_an_unsigned_image_that_got_into_memory_otherwise_does_not_start(keys: Path, tmp_path: Path) -> None:
    build(tmp_path, "--sign", keys / "ours.pem")
    body, _ = image.split(BuildFolder(tmp_path).image.read_bytes())
    BuildFolder(tmp_path).image.write_bytes(body)
    place(tmp_path, BOARD)
    refused(run("check", tmp_path, "--limit", 1), 6, "the board is in its loader and has no good image")
