"""What can be wrong with a whole feed, a row, a cell: told apart by how much of the feed it spoils."""

from collections.abc import Sequence
from unicodedata import category

from models.feed_rows import FeedFinding

LONGEST_TEXT = 400
LONGEST_SAMPLE = 200
MOST_SAMPLES = 10


class FeedUnreadable(Exception):
    """The whole feed can't be read, and nothing of it is to be applied; ``finding`` says why."""

    def __init__(self, finding: FeedFinding) -> None:
        super().__init__(f"{finding.code}: {finding.text}")
        self.finding = finding


class BadRow(Exception):
    """One row can't be taken apart into cells. ``code`` is a word of the vocabulary in docs/feeds.md."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadCell(Exception):
    """One cell is no value of its field. ``code`` is a word of the vocabulary in docs/feeds.md."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def finding(code: str, text: str, samples: Sequence[str] = (), **numbers: float) -> FeedFinding:
    """Build a finding within its bounds: 400 characters of text, 10 samples of 200 characters."""
    bounded = tuple(shown(sample) for sample in samples[:MOST_SAMPLES])
    return FeedFinding(code=code, text=shown(text, LONGEST_TEXT), samples=bounded, numbers=numbers)


def unreadable(code: str, text: str, samples: Sequence[str] = (), **numbers: float) -> FeedUnreadable:
    """Build the error for a feed of which nothing is to be applied."""
    return FeedUnreadable(finding(code, text, samples, **numbers))


def shown(text: str, longest: int = LONGEST_SAMPLE) -> str:
    """Bring what was sent into a form that can be stored and shown: in one line, and nothing that steers a terminal."""
    text = text[: longest + 1]
    if not text.isprintable():
        text = "".join(map(_shown_sign, text))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _shown_sign(sign: str) -> str:
    if sign.isprintable() or category(sign) == "Zs":  # spaces of all widths: they explain many a number
        return sign
    return " " if sign.isspace() else "\ufffd"
