"""What a reader sees of an HTML mail, as lines of text; quoted parts are marked as in plain mails. Pure."""

import re
from collections.abc import Iterator

from lxml import etree, html

BLOCKS = frozenset(
    "address article blockquote br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table tr ul".split()
)
UNSEEN = frozenset("head script style title template noscript meta link object iframe svg".split())
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE)
# What mail programs put round, or before, the mail that is answered.
QUOTES = frozenset(("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "gmail_attr"))
ENDS = frozenset(("divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container"))
QUOTED = "\n> \n"
END = "\n-----Original Message-----\n"


def text_of_html(source: str) -> str:
    """Write an HTML mail as text. What can't be parsed is no text."""
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return ""
    lines = (" ".join(line.split()) for line in "".join(_pieces(root)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(element: html.HtmlElement) -> Iterator[str]:
    if not _is_seen(element):
        return
    if _is_quote(element):
        yield QUOTED
        return
    if element.get("id") in ENDS:
        yield END
        return
    block = "\n" if element.tag in BLOCKS else ""
    yield block
    yield _flowing(element.text)
    for child in element:
        yield from _pieces(child)
        yield _flowing(child.tail)
    yield block


def _flowing(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


def _is_seen(element: html.HtmlElement) -> bool:
    return isinstance(element.tag, str) and element.tag not in UNSEEN and not HIDDEN.search(element.get("style") or "")


def _is_quote(element: html.HtmlElement) -> bool:
    return element.tag == "blockquote" or not QUOTES.isdisjoint((element.get("class") or "").split())
