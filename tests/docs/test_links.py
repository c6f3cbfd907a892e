from pathlib import Path

import pytest

from tests.docs.reading import PAGES, ROOT, anchors, links, named, read

LARGEST_IMAGE = 300 * 1024  # bytes
MOST_LINES = 60  # of a decision: it fits on a page


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        found = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link}
        waiting += [target for target in found if target.suffix == ".md" and target not in reached]
    assert set(PAGES) - reached == {ROOT / "docs" / "README.md"}


def test_every_image_is_shown_somewhere_and_small() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    for image in (ROOT / "docs" / "images").iterdir():
        assert image in shown, f"{image.name} is shown nowhere"
        assert image.stat().st_size <= LARGEST_IMAGE, f"{image.name} is too large"


def test_every_decision_is_listed_and_fits_on_a_page() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    listed = set(links(ROOT / "docs" / "decisions" / "README.md"))
    assert {decision.name for decision in decisions} == listed
    for decision in decisions:
        text = read(f"docs/decisions/{decision.name}")
        headings = [line for line in text.splitlines() if line.startswith("## ")]
        assert headings == ["## Context", "## Decision", "## Consequences", "## Alternatives"], decision.name
        assert len(text.splitlines()) <= MOST_LINES, decision.name
