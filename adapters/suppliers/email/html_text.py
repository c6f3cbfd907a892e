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
STRUCK = frozenset("s strike del".split())
STRUCK_OUT = " (struck out) "  # words of a person's, who means something by it
QUOTED = "\n> \n"
END = "\n-----Original Message-----\n"


def text_of_html(source: str) -> str:
    """Write an HTML mail as text. What can't be parsed is no text; what is too deep for that raises RecursionError."""
    root = _parsed(source)
    if root is None:
        return ""
    lines = (" ".join(line.split()) for line in "".join(_pieces(root)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def shows_pictures(source: str) -> bool:
    """Say whether an HTML mail shows a picture, wherever that lies."""
    root = _parsed(source)
    return root is not None and any(True for _ in root.iter("img", "svg"))


def _parsed(source: str) -> html.HtmlElement | None:
    # huge_tree: without it, all that lies deep would be left out without a word.
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return None


def _pieces(element: html.HtmlElement) -> Iterator[str]:
    if not _is_seen(element):
        return
    if _is_quote(element):
        yield QUOTED
        return
    if element.get("id") in ENDS:
        yield END
        return
    if element.tag in STRUCK:
        yield STRUCK_OUT
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
    """Say whether it is of the mail that is answered; a writer's own paragraph that is set in has margins alone."""
    if element.tag != "blockquote":
        return not QUOTES.isdisjoint((element.get("class") or "").split())
    style = element.get("style") or ""
    return any(element.get(name) for name in ("type", "cite", "id")) or not style or "solid" in style.lower()
