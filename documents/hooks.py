"""MkDocs hooks: files of the project's top folder become pages, and links to them lead there."""

from __future__ import annotations

import re
from typing import Any

from documents import DOCS, PROJECT

TOP = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}
"""Files of the top folder, and the pages that they are."""

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """MkDocs' hook: the menu lists every decision."""
    for section in config.nav:
        for pages in section.values():
            for entry in pages if isinstance(pages, list) else []:
                if "Decisions" in entry:
                    entry["Decisions"] = [
                        path.relative_to(DOCS).as_posix() for path in sorted(DOCS.glob("decisions/*.md"))
                    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """MkDocs' hook: the pages that lie outside docs/."""
    from mkdocs.structure.files import File

    for name, page in TOP.items():
        files.append(File.generated(config, page, content=(PROJECT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """MkDocs' hook: links as they are in the checkout become links of the site."""
    source = page.file.src_uri
    return rewritten(markdown, source)


def rewritten(markdown: str, page: str) -> str:
    """`page` says where in the site the text is. Links to files that the site does not hold become their names."""
    top = page in TOP.values()

    def link(found: re.Match[str]) -> str:
        path, anchor = found.group(1), found.group(2) or ""
        if top:
            inside = path.removeprefix("docs/")
            if inside != path or path in TOP:
                return f"]({TOP.get(path, inside)}{anchor})"
            return _no_page(path)
        depth = page.count("/") + 1
        outside = path.removeprefix("../" * depth)
        if outside == path:
            return found.group()
        return f"]({'../' * (depth - 1)}{TOP[outside]}{anchor})" if outside in TOP else _no_page(outside)

    return re.sub(r"\[([^\]]*)\]\((\x00[^)]*)\)", r"\1 (`\2`)", LINK.sub(link, markdown)).replace("\x00", "")


def _no_page(path: str) -> str:
    """A link that `rewritten` turns into text."""
    return f"](\x00{path})"
