"""A page in a real browser, and what is true of every page of edge-tr's: read it with `looked_at`."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from edge_tr.target.tools import module_folder

WIDTHS = (1280, 768, 390)
LEAST_PIXELS = 11.0
MOST_BYTES = 400_000
AXE = module_folder("axe-core") / "axe.min.js"
SIZES = """() => {
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const parent = node.parentElement;
        if (!node.textContent.trim() || parent.closest("script,style,title,desc")) continue;
        if (!parent.checkVisibility() || !parent.getClientRects().length) continue;
        const scale = parent.getScreenCTM ? Math.abs(parent.getScreenCTM().a) : 1;
        found.push([parseFloat(getComputedStyle(parent).fontSize) * scale, node.textContent.trim().slice(0, 40)]);
    }
    return found;
}"""
BOXES = """shapes => shapes.map(shape => {
    const {x, y, width, height} = shape.getBoundingClientRect();
    return {...shape.dataset, x, y, width, height};
})"""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = os.environ.get("EDGE_TR_CHROMIUM") or shutil.which("chromium")
    if program is None or not AXE.is_file():
        pytest.skip("no chromium, or no axe-core: ./install.sh test")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextlib.contextmanager
def shown(chromium: Browser, page: Path, width: int = 1280, **options: object) -> Iterator[Page]:
    """The page in a context of its own, in which nothing goes wrong and nothing is asked of anybody."""
    context: BrowserContext = chromium.new_context(viewport={"width": width, "height": 900}, **options)
    asked, said = [], []
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(page.as_uri())
    yield tab
    assert asked == [page.as_uri()] and said == []
    context.close()


def boxes(page: Page, selector: str) -> list[dict]:
    """Where shapes are drawn, in pixels, with their data- attributes."""
    return page.locator(selector).evaluate_all(BOXES)


def looked_at(chromium: Browser, page: Path, screenshots: Path) -> None:
    """What holds of every page: widths, letters, colours, readers without eyes, without a script, without a mouse."""
    assert page.stat().st_size < MOST_BYTES
    assert not re.search(rb"https?://|src=|@import|url\(", page.read_bytes())
    for width in WIDTHS:
        for scheme in ("light", "dark") if width != WIDTHS[1] else ("light",):
            with shown(chromium, page, width, color_scheme=scheme) as tab:
                _fits(tab, width)
                _accessible(tab)
                picture = tab.screenshot(path=screenshots / f"{page.parent.name}-{width}-{scheme}.png", full_page=True)
                assert len(picture) > 20_000, "an empty picture"
    with shown(chromium, page) as tab:
        text, _ = tab.inner_text("main"), _keyboard(tab)
        tab.emulate_media(media="print")
        assert tab.locator("nav").count() == 0 or not tab.locator("nav").is_visible()
    with shown(chromium, page, java_script_enabled=False) as plain:
        assert plain.inner_text("main").split() == text.replace("\u2195", "").split()


def _fits(tab: Page, width: int) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    small = [(size, text) for size, text in tab.evaluate(SIZES) if size < LEAST_PIXELS]
    assert not small
    unnamed = tab.locator("svg:not([aria-hidden=true]):not([aria-label]):not(svg svg)")
    assert unnamed.count() == 0


def _accessible(tab: Page) -> None:
    """Nothing serious or critical, by axe-core."""
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [
        (of["id"], of["impact"], of["nodes"][0]["html"][:200], of["nodes"][0]["failureSummary"])
        for of in found["violations"]
        if of["impact"] in ("serious", "critical")
    ]
    assert not grave
    assert len(found["passes"]) > 10, "axe-core looked at nothing"


def _keyboard(tab: Page) -> None:
    """By Tab to the first head of a table, which Enter sorts by."""
    if tab.locator("table.sortable").count() == 0:
        return
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.matches('table.sortable th button')"):
            break
    else:
        raise AssertionError("no head of a table is reached by Tab")
    order = "() => [...document.activeElement.closest('table').tBodies[0].rows].map(row => row.cells[0].innerText)"
    before = tab.evaluate(order)
    tab.keyboard.press("Enter")
    once = tab.evaluate(order)
    tab.keyboard.press("Enter")
    twice = tab.evaluate(order)
    assert once == twice[::-1] and sorted(once) == sorted(before) and len(set(once)) == len(once)
