import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.reading import ROOT, read

SOURCES = [
    *sorted((ROOT / "adapters" / "feeds").glob("*.py")),
    *sorted((ROOT / "activities").glob("feed*.py")),
    ROOT / "workflows" / "decisions" / "feed_judgement.py",
]
MAKERS = {"finding", "_finding", "unreadable", "BadRow", "BadCell"}
_CODE = re.compile(r"`([a-z_]+)`")


def _codes() -> Iterator[str]:
    """List every code that a feed's reader or judge may give."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code = node.args[0]
            if name in MAKERS and isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


CODES = sorted(set(_codes()) | {"older", "same_again", "bytes_gone", "duplicate", "sku_variant", "sku_missing"})


def test_the_codes_are_found() -> None:
    assert len(CODES) > 40


@pytest.mark.parametrize("code", CODES)
def test_every_finding_and_every_bad_cell_is_explained(code: str) -> None:
    assert code in _explained()


def _explained() -> set[str]:
    rows = (line.split("|") for line in read("docs/feeds.md").splitlines() if line.startswith("|"))
    return {code for row in rows for code in _CODE.findall(row[1])}
