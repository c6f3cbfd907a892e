"""A feed's source, taken apart and checked before anybody connects."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from adapters.errors import Refused
from models.feed_sources import source_problem
from models.feeds import Feed

PORTS = {"http": 80, "https": 443, "sftp": 22, "ftp": 21, "ftps": 21, "file": 0}


@dataclass(frozen=True)
class Location:
    """Where a feed lies. ``path`` is decoded; ``escaped_path`` and ``query`` are as they were written."""

    scheme: str
    host: str
    port: int
    path: str
    escaped_path: str
    query: str
    username: str

    @property
    def label(self) -> str:
        """Name the source in messages: never its path or query, which may carry a key."""
        return f"{self.scheme} server {self.host}" if self.host else "folder"

    @property
    def names_folder(self) -> bool:
        """Say whether the path alone says that it is a folder."""
        return self.path.endswith("/") or not self.path


def locate(feed: Feed) -> Location:
    """Take a feed's source apart. Raises Refused("bad_source") saying what is wrong with it."""
    if problem := source_problem(feed.source):
        raise _bad(problem)
    parts = urlsplit(feed.source)
    path = unquote(parts.path)
    return Location(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        path=path,
        escaped_path=parts.path,
        query=parts.query,
        username=feed.username or unquote(parts.username or ""),
    )


def _bad(why: str) -> Refused:
    return Refused(f"the feed's source can't be used: {why}", code="bad_source")
