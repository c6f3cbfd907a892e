"""A feed's source, taken apart and checked before anybody connects."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from adapters.errors import Refused
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
    try:
        parts = urlsplit(feed.source)
        port = parts.port
    except ValueError:
        raise _bad("it is no address") from None
    path = unquote(parts.path)
    _check(parts, path)
    return Location(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=port or PORTS[parts.scheme],
        path=path,
        escaped_path=parts.path,
        query=parts.query,
        username=feed.username or unquote(parts.username or ""),
    )


def _check(parts: SplitResult, path: str) -> None:
    if parts.password:
        raise _bad("a password belongs into password_env")
    if ".." in path.split("/"):
        raise _bad("`..` leads out of the folder")
    if not path.isprintable():
        raise _bad("control characters")
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise _bad("a file's address has three slashes: file:///folder/file.csv")
    elif not parts.hostname:
        raise _bad("no host")


def _bad(why: str) -> Refused:
    return Refused(f"the feed's source can't be used: {why}", code="bad_source")
