"""The locked versions of requirements/: complete for pyproject.toml, with hashes, and naming no registry."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from documents import files
from requirements import licences
from tests.conftest import PROJECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GROUPS = {"demo": (), "docs": ("docs",), "test": ("test",), "reproduce": ("reproduce",)}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

REGISTRY = re.compile(
    # addresses of package indexes, and of mirrors and proxies of them
    r"[a-z+]+://[^\s/]*(?:pypi|pythonhosted|npmjs|yarnpkg|crates\.io|anaconda|debian\.org|ubuntu\.com|pytorch\.org"
    r"|artifact|nexus|mirror|registry|proxy|(?:^|\.)internal|(?:^|\.)lan\b)[^\s/]*"
    # an index by its path, whatever its host
    r"|[a-z+]+://\S+/simple\b"
    # options and fields that name one
    r"|--(?:extra-)?index-url|--find-links|--trusted-host|\"resolved\"\s*:|_INDEX_URL=|\bregistry\s*=",
    re.IGNORECASE,
)


def locked(path: Path) -> dict[Requirement, list[str]]:
    """Requirements of a lock file, and the options after each."""
    entries = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    lines = [line.split("#")[0].split(" --") for line in entries]
    return {
        Requirement(first): [f"--{option}".strip() for option in options] for first, *options in lines if first.strip()
    }


def asked(extras: tuple[str, ...]) -> list[Requirement]:
    """What edge-tr asks for with these extras; extras of its own are followed."""
    found = [Requirement(text) for text in DECLARED["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, DECLARED["optional-dependencies"][extra]):
            found += asked(tuple(requirement.extras)) if requirement.name == DECLARED["name"] else [requirement]
    return found


def applies(requirement: Requirement, python: str) -> bool:
    environment = {
        "python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux", "os_name": "posix",
    }  # fmt: skip
    return requirement.marker is None or requirement.marker.evaluate(environment)


def versions(group: str, python: str) -> dict[str, str]:
    """Locked versions by name on Linux, each name once."""
    pins = [pin for pin in locked(PROJECT / "requirements" / f"{group}.txt") if applies(pin, python)]
    assert len({pin.name for pin in pins}) == len(pins)
    return {pin.name: next(iter(pin.specifier)).version for pin in pins}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_locked_version_is_one_version_with_hashes_and_nothing_else(path: Path) -> None:
    requirements = locked(path)
    assert requirements
    for requirement, options in requirements.items():
        (pin,) = requirement.specifier
        assert pin.operator == "==" and "*" not in pin.version and requirement.url is None, requirement
        assert options and all(HASH.fullmatch(option) for option in options), requirement


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("group", GROUPS)
def test_what_pyproject_asks_for_is_locked_once_for_every_python(group: str, python: str) -> None:
    pins = versions(group, python)
    for requirement in asked(GROUPS[group]):
        if applies(requirement, python):
            assert requirement.specifier.contains(pins[requirement.name]), requirement


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("group", ["demo", "docs", "build", "reproduce"])
def test_groups_take_the_versions_of_the_tests(group: str, python: str) -> None:
    of_tests, own = versions("test", python), versions(group, python)
    assert own.keys() & of_tests.keys()
    assert {name: of_tests[name] for name in own.keys() & of_tests.keys()} == {
        name: own[name] for name in own.keys() & of_tests.keys()
    }


@pytest.mark.parametrize(
    "text",
    [
        "see https://files.pythonhosted.org/packages/x.whl",
        "http://10.0.0.7:8080/root/simple/numpy",
        "pip install --extra-index-url somewhere",
        '"resolved": "https://example.org/x.tgz"',
        "https://artifacts.example.internal/x",
        "URIs: http://deb.debian.org/debian",
    ],
)
def test_an_address_of_a_registry_is_seen(text: str) -> None:
    assert REGISTRY.search(text)


@pytest.mark.parametrize("text", ["https://numpy.org/doc", "socket://pynq:5025", "https://doi.org/10.24432/C50P49"])
def test_a_projects_home_page_is_none(text: str) -> None:
    assert not REGISTRY.search(text)


def test_no_tracked_file_names_a_registry() -> None:
    paths = [PROJECT / name for name in files()]
    assert len(paths) > 100
    found = {}
    for path in paths:
        if path.is_file() and path.resolve() != Path(__file__).resolve():
            text = path.read_bytes().decode("utf-8", errors="ignore")
            if hits := {hit.group() for hit in REGISTRY.finditer(text)}:
                found[path.relative_to(PROJECT).as_posix()] = hits
    assert found == {}


def test_the_list_of_licences_has_the_locked_packages() -> None:
    """As `make sbom` wrote it, on Python 3.11; each says something of its licence."""
    rows = [
        line.split("|")[1:-1] for line in (PROJECT / "docs" / "licences.md").read_text().splitlines() if "|" in line
    ]
    listed = {name.strip(): version.strip() for name, version, licence in rows if licence.strip()}
    assert listed.items() >= versions("test", "3.11").items()
    assert len(listed) == len(versions("test", "3.11")) + len(("package", "---"))


def test_the_packages_own_bill_is_valid_and_names_what_it_runs_on() -> None:
    text = licences.package_bill()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    named = {part["purl"] for part in json.loads(text)["components"]}
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert named == {f"pkg:pypi/{name}@{version}" for name, version in versions("demo", here).items()}
