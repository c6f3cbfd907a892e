"""What a transport has to offer, so that everything else about files is the same for all of them.

A version is *firm* where two equal ones mean equal bytes: an ETag, or size and time. Where a source can say no such
thing, a version begins with one of the prefixes below: such a file is never resumed, and never believed unchanged.
"""

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from adapters.errors import UnexpectedReply
from models.feed_rows import RemoteFile

PIECE = 1 << 20  # bytes
WEAK = "weak:"  # equal means alike, as a weak ETag does (RFC 9110 §8.8.1)
UNKNOWN = "unknown:"  # never equal to any other


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds: for a connection, and for each answer or piece after that."""

    connect: float = 5.0
    read: float = 30.0


class Transport(Protocol):
    """A place where files lie, and how to get at them. Raises ``adapters.errors`` only."""

    def only(self) -> str | None:
        """Name the one file that the source itself names; None where it is a folder."""

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List a folder: what lies there, with what is known of it already."""

    def describe(self, name: str) -> RemoteFile | None:
        """Ask about one file as it is now; None where it is not there, or no file."""

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a file's bytes from ``offset`` on, in pieces as they come."""

    def close(self) -> None:
        """Give back connections."""


def firm(version: str) -> bool:
    """Say whether two files of this version have the same bytes."""
    return not version.startswith((WEAK, UNKNOWN))


def version_of(size: int | None, modified_at: datetime | None) -> str:
    """Make a version of size and time: a size alone says nothing about the bytes."""
    if size is None or modified_at is None:
        return f"{UNKNOWN}{time.time_ns()}"
    return f"{size}-{modified_at.isoformat()}"


def changed(name: str) -> UnexpectedReply:
    """Make the error for a file that is no longer the one we began to read."""
    return UnexpectedReply(f"{name}: it changed while it was read", code="changed_while_reading")
