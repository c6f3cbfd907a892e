"""Names of files in a partner's folders: which are complete, which are ours, which are free in an archive. Pure."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import PurePosixPath

UNFINISHED = (".tmp", ".part", ".filepart")  # what uploading programs write to before they rename
NAMESAKES = 10  # that an archive counts


def readable(name: str) -> str:
    """Write a name so that it can be kept and shown: bytes that are no UTF-8 become ``%E4``."""
    return "".join(f"%{ord(sign) & 0xFF:02X}" if "\udc80" <= sign <= "\udcff" else sign for sign in name)


def is_complete(name: str) -> bool:
    """Say whether a file may have this name once it is whole. What can't be printed could be stored nowhere."""
    is_plain = readable(name).isprintable() and "/" not in name
    return is_plain and name[:1] not in ("", ".") and not name.lower().endswith(UNFINISHED)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Say whether a name fits one of the patterns, e.g. ``*.csv``; capitals count."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def free_names(name: str, version: str) -> Iterator[str]:
    """Name places in an archive. Some partners write the same name every day: its version tells those files apart."""
    path = PurePosixPath(name)
    yield name
    for stem in (path.stem, f"{path.stem}-{sha256(version.encode()).hexdigest()[:12]}"):
        yield from (f"{stem}-{number}{path.suffix}" for number in range(1, NAMESAKES))
