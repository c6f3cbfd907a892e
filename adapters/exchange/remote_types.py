"""What a partner's file server is asked, and in which words: the same over SFTP, FTP, FTPS and a mounted folder."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote, unquote

LARGEST = 50 * 1024 * 1024  # bytes of one document


class Settled(StrEnum):
    """What became of a file whose upload ended without a word."""

    THERE = "there"  # under its final name, in our outbox or in the partner's archive
    ABSENT = "absent"  # proven: it is not there, and nothing under way can bring it
    UNSURE = "unsure"


@dataclass(frozen=True)
class RemoteTimeouts:
    """How long to wait, in seconds: for a connection, and for each answer or stretch after that."""

    connect: float = 5.0
    read: float = 20.0
    upload: float = 120.0  # in all, until the rename: nobody may still be waiting for it after that

    @classmethod
    def within(cls, submit: timedelta, read: timedelta) -> "RemoteTimeouts":
        """Leave room for the rename and its marker within what a submission may take."""
        whole, each = submit.total_seconds(), read.total_seconds()
        return cls(read=each, upload=max(whole - 2 * each, whole / 3))


@dataclass(frozen=True)
class RemoteEntry:
    """A file as it was seen. ``version`` is made of size and time; with the name it is the ``Incoming.place``."""

    name: str
    size: int | None
    modified_at: datetime | None
    version: str

    @property
    def place(self) -> str:
        """Write it down, to be told again by ``entry_at``; a name that is no UTF-8 with a further slash, and quoted."""
        if self.name.isprintable():
            return f"{self.version}/{self.name}"
        return f"{self.version}//{quote(self.name, errors='surrogateescape')}"


def entry_of(name: str, size: int | None, modified_at: datetime | None) -> RemoteEntry:
    """Describe a file; what a server does not tell takes no part in its version."""
    time = modified_at.isoformat() if modified_at is not None else ""
    return RemoteEntry(name, size, modified_at, f"{'' if size is None else size}-{time}")


def entry_at(place: str) -> RemoteEntry:
    """Tell an entry again from its ``place``; size and time are in its version."""
    version, _, name = place.partition("/")
    if name.startswith("/"):
        name = unquote(name.removeprefix("/"), errors="surrogateescape")
    return RemoteEntry(name, None, None, version)


class RemoteTransport(Protocol):
    """The least that every protocol can do. Paths are the server's.

    Raises NotSent where no connection could be made, Unavailable where no answer came, AuthenticationFailed, and
    Refused where the server itself said no.
    """

    def entries(self, folder: str) -> list[RemoteEntry]:
        """List a folder's files. Raises Unavailable("no_folder")."""

    def describe(self, path: str) -> RemoteEntry | None:
        """Look at one file; None where it is not there, or no file."""

    def has_folder(self, path: str) -> bool:
        """Say whether a folder is there."""

    def make_folder(self, path: str) -> None:
        """Make one folder."""

    def write(self, path: str, body: bytes) -> None:
        """Write a file from its beginning, and make it durable where that can be asked for."""

    def rename(self, source: str, target: str) -> None:
        """Give a file another name. Raises FileNotFoundError where a folder or the file is missing.

        A target that is there is Refused, or overwritten: FTP can't say which. Whoever must not overwrite looks first.
        """

    def remove(self, path: str) -> bool:
        """Remove a file; False where it was not there."""

    def read(self, path: str, limit: int) -> bytes:
        """Read a file's first ``limit`` bytes. Raises FileNotFoundError."""

    def close(self) -> None:
        """Give back the connection."""
