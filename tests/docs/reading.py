"""Reads our Markdown: its files, headings, links, tables and code blocks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced code block: what language it says it is, and its lines without the indentation of a list."""

    page: Path
    language: str
    text: str


def read(page: str) -> str:
    """Read a page by its path from the root."""
    return (ROOT / page).read_text("utf-8")


def blocks(language: str) -> list[Block]:
    """List the code blocks of a language in all pages."""
    return [
        Block(page, name, "\n".join(line.removeprefix("   ") for line in text.splitlines()))
        for page in PAGES
        for name, text in _FENCE.findall(page.read_text("utf-8"))
        if name == language
    ]


def prose(page: Path) -> str:
    """Read a page without its code blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """List where a page links to."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """List a page's headings as GitHub anchors them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str, columns: int) -> list[list[str]]:
    """Read the rows of every table with so many columns, headings left out."""
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in _table_lines(text)]
    return [row for row in found if len(row) == columns]


def _table_lines(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = following.startswith("|--")
        if line.startswith("|") and not line.startswith("|--") and not heading:
            yield line


def named(page: Path) -> str:
    """Name a page by its path from the root, for test ids."""
    return str(page.relative_to(ROOT))
