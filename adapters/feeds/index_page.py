"""The names of files on a web server's index page, as Apache, nginx and others write it."""

from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

MAX_PAGE = 5_000_000  # bytes


def names_on(page: str, url: str) -> list[str]:
    """Find the links of an index page that lead to something directly below it, sorting links and parents left out."""
    found = _Links()
    found.feed(page)
    names = [name for link in found.links if (name := _name_below(url, link))]
    return list(dict.fromkeys(names))


def _name_below(url: str, link: str) -> str:
    base = urlsplit(url)
    try:
        target = urlsplit(urljoin(url, link))
    except ValueError:
        return ""
    if target[:2] != base[:2] or target.query or not target.path.startswith(base.path):
        return ""
    name = unquote(target.path.removeprefix(base.path))
    return "" if "/" in name else name


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
