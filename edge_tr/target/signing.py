"""Keys and signatures of images: Ed25519 (RFC 8032), by the package cryptography."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_tr.errors import ToolMissingError, UsageError

PRIVATE, PUBLIC = ".pem", ".pub.pem"


@dataclass(frozen=True)
class KeyFiles:
    """What `make_keys` wrote; `public_key` in hexadecimal is what a loader is built with."""

    private: str
    public: str
    public_key: str


class Signer:
    """A private key."""

    def __init__(self, path: Path) -> None:
        """UsageError if the file holds no Ed25519 private key in PEM without a passphrase."""
        serialization, ed25519 = _modules()
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise UsageError(f"cannot read the key {path}: {error.strerror}; edge-tr keys makes one") from error
        except TypeError as error:
            raise UsageError(
                f"the key {path} has a passphrase: give a key without one, and keep it in a safe place"
            ) from error
        except Exception as error:  # several of the package's own
            raise UsageError(f"{path} is not a private key in PEM format: edge-tr keys makes one") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise UsageError(f"the key {path} is not for Ed25519: edge-tr keys makes one that is")
        self._key = key

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return _raw(self._key.public_key())

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(data)


def make_keys(name: Path) -> KeyFiles:
    """A new pair, `name`.pem and `name`.pub.pem; an existing one is never overwritten."""
    serialization, ed25519 = _modules()
    key = ed25519.Ed25519PrivateKey.generate()
    pem, raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(pem, raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    files = Path(f"{name}{PRIVATE}"), Path(f"{name}{PUBLIC}")
    try:
        if taken := [file for file in files if file.exists()]:
            raise UsageError(f"{taken[0]} exists already: choose another -o; keys are not overwritten")
        _create(files[0], private, 0o600)
        _create(files[1], public, 0o644)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}; choose another -o") from error
    return KeyFiles(str(files[0]), str(files[1]), _raw(key.public_key()).hex())


def _create(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


def _raw(public: Any) -> bytes:
    serialization, _ = _modules()
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _modules() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ToolMissingError("the Python package cryptography is missing: pip install 'edge-tr[sign]'") from error
    return serialization, ed25519
