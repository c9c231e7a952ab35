"""The documentation: it builds, its links lead somewhere, what is generated is fresh, and its commands are right."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from documents import DOCS, PROJECT, commands, hooks, marked, numbers, pictures, reference, sizes
from edge_tr import arguments

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = sorted([*DOCS.rglob("*.md"), *PROJECT.glob("*.md")])
NAMES = {page: page.relative_to(PROJECT).as_posix() for page in PAGES}
RUN = [page for page in PAGES if commands.to_run(page.read_text(encoding="utf-8")) and page.parent.name != "tutorials"]


def build_site(folder: Path, source: Path = PROJECT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", source / "mkdocs.yml", "-d", folder],
        cwd=PROJECT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = build_site(tmp_path / "site")
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert (done.returncode, said) == (0, [])
    assert "excluded from the built site" not in done.stderr  # links to files that readers do not get
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "tutorials/keras.html" in home and (tmp_path / "site" / "changelog.html").is_file()


@pytest.mark.parametrize("link", ["no-such-page.md", "glossary.md#no-such-anchor"])
def test_a_link_that_leads_nowhere_is_an_error(link: str, tmp_path: Path) -> None:
    """The same settings on a site of two pages."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"[gone]({link})\n")
    (tmp_path / "docs" / "glossary.md").write_text("# Glossary\n")
    settings = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[0].replace("hooks:\n", "")
    (tmp_path / "mkdocs.yml").write_text(settings.replace("  - documents/hooks.py\n", ""))
    done = build_site(tmp_path / "site", tmp_path)
    assert done.returncode == 1 and link.partition("#")[2] in done.stdout + done.stderr


def test_the_reference_is_what_the_source_says() -> None:
    for name, text in reference.pages().items():
        assert (reference.FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: python -m documents.reference"


def test_the_numbers_of_the_readme_are_those_of_the_campaigns() -> None:
    assert numbers.README.read_text(encoding="utf-8") == numbers.readme(), "run python -m documents.numbers"


@pytest.mark.parametrize(
    ("page", "words", "count"), [(sizes.SMALLEST, sizes.smallest, 2), (sizes.PROTOCOLS, sizes.protocols, 4)]
)
def test_sizes_of_builds_stand_in_the_words_of_the_script(page: Path, words: Callable[..., str], count: int) -> None:
    text = marked.part(page, sizes.SCRIPT)
    figures = [int(figure.replace(",", "")) for figure in re.findall(r"\b([\d,]+)\s(?:bytes|of flash)", text)]
    assert len(figures) == count and words(*figures) == text, "run python -m documents.sizes"


def test_every_option_of_every_verb_is_in_the_reference() -> None:
    text = (reference.FOLDER / "command-line.md").read_text(encoding="utf-8")
    for name, command in arguments.full_parsers().items():
        chapter = text.split(f"\n## edge-tr {name}\n")[1].split("\n## ")[0]
        options = {option for action in command._actions for option in action.option_strings}
        assert not [option for option in options - {"-h", "--help", "--quiet"} if option not in chapter]


def test_the_pictures_are_what_the_encoder_says() -> None:
    for name, drawn in pictures.pictures().items():
        assert (pictures.FOLDER / name).read_text(encoding="utf-8") == drawn, name


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_code_in_a_page_is_code_and_commands_can_be_parsed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for fence in commands.fences(text):
        if fence.language == "python" and "--8<--" not in fence.text:
            ast.parse(fence.text)
        if fence.language == "toml":
            tomllib.loads(fence.text)
    for words in commands.edge_tr_arguments(text):
        arguments.parse(words)


@pytest.mark.parametrize("page", RUN, ids=NAMES.get)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """In a folder that looks like a checkout."""
    for name in ("edge_tr", "boards"):
        (tmp_path / name).symlink_to(PROJECT / name)
    program = tmp_path / "bin" / "edge-tr"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{PROJECT}" exec "{sys.executable}" -m edge_tr.cli "$@"\n')
    program.chmod(0o755)
    done = commands.run(page, tmp_path, {"PATH": f"{program.parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_some_pages_are_run() -> None:
    assert {page.stem for page in RUN} >= {"budgets"}


def test_a_newcomers_walk_takes_fewer_than_fifteen_commands() -> None:
    walk = commands.to_run((DOCS / "tutorials" / "keras.md").read_text(encoding="utf-8"))
    assert 5 < len(walk) < 15 and walk[-1].startswith("edge-tr check") and "--layers" in walk[-1]
    assert f"That is {['twelve', 'thirteen', 'fourteen'][len(walk) - 12]} commands" in " ".join(
        (DOCS / "tutorials" / "keras.md").read_text(encoding="utf-8").split()
    )


def test_fences_are_found_within_lists_and_notes_and_with_titles() -> None:
    page = (
        'a\n\n```sh title="x"\nedge-tr init \\\n  --target host\n# no\n```\n\n1. b\n\n    ````text\n    ```\n    ````\n'
    )
    assert commands.fences(page) == [
        commands.Fence("sh", "edge-tr init \\\n  --target host\n# no\n"),
        commands.Fence("text", "```\n"),
    ]
    assert list(commands.edge_tr_arguments(page)) == [["init", "--target", "host"]]
    assert commands.to_run(page) == ["edge-tr init    --target host"]


@pytest.mark.parametrize(
    "page, link, expected",
    [
        ("changelog.md", "[a](docs/trust.md#x)", "[a](trust.md#x)"),
        ("changelog.md", "[a](SECURITY.md)", "[a](security.md)"),
        ("security.md", "[a](firmware/README.md)", "a (`firmware/README.md`)"),
        ("guides/budgets.md", "[a](../../SECURITY.md)", "[a](../security.md)"),
        ("boards.md", "[a](../edge_tr/metrics.py)", "a (`edge_tr/metrics.py`)"),
        ("guides/budgets.md", "[a](../boards.md)", "[a](../boards.md)"),
        ("boards.md", "[a](https://example.org/../SECURITY.md)", "[a](https://example.org/../SECURITY.md)"),
    ],
)
def test_links_of_the_checkout_become_links_of_the_site(page: str, link: str, expected: str) -> None:
    assert hooks.rewritten(link, page) == expected
