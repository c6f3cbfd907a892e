"""Files exchanged with a partner over SFTP, FTP, FTPS or a mounted folder, without partial files and without repeats.

A file goes up under a temporary name, ``.NAME.tmp``, and is renamed when all of it is there. A name is used for one
content for ever: it carries the document's control number. Whoever lost the reply to a rename asks ``settle``.
"""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from adapters.errors import Refused
from adapters.exchange.remote_folder import CheckedFolder
from adapters.exchange.remote_ftp import FtpRemote
from adapters.exchange.remote_local import LocalRemote
from adapters.exchange.remote_settings import RemoteSettings
from adapters.exchange.remote_sftp import SftpRemote
from adapters.exchange.remote_types import (
    LARGEST,
    RemoteEntry,
    RemoteTimeouts,
    RemoteTransport,
    Settled,
    entry_at,
)
from adapters.secrets import Secrets


class RemoteFolder(Protocol):
    """One partner's folders. Belongs to one thread at a time; connects when first asked, and anew after a failure.

    Questions raise Unavailable, NotSent where no connection could be made, and AuthenticationFailed, with the code
    ``unknown_host_key`` where the server is not the one that was pinned.
    """

    def upload(self, name: str, body: bytes, *, about_to_rename: Callable[[], None] | None = None) -> None:
        """Put a file into the outbox, whole or not at all. One of that name and content that is there is left as it is.

        ``about_to_rename`` is called once all of it lies there under its temporary name; what it raises goes through.
        Raises NotSent or AuthenticationFailed where nothing lies under the final name and nothing can come, and
        Doubtful otherwise: also where another content has the name ("name_taken"), which only a person can settle.
        """

    def settle(self, name: str, body: bytes, *, renamed: bool = True) -> Settled:
        """Find out whether an upload arrived. Removes a temporary file that is left. Raises what questions raise.

        ``renamed=False``: ``about_to_rename`` was surely never called, so that a file that is not there never was.
        """

    def ready(self, patterns: Sequence[str]) -> Iterator[RemoteEntry]:
        """List the complete files of the inbox whose names match (``*.csv``), oldest first."""

    def read(self, entry: RemoteEntry) -> bytes:
        """Read a file of the inbox whole.

        Raises UnexpectedReply("changed_while_reading") where it is not that version, or is gone, and
        UnexpectedReply("too_large") above ``LARGEST``, UnexpectedReply("not_readable") where the server refuses it.
        """

    def move(self, entry: RemoteEntry, folder: str) -> None:
        """Move a file of the inbox, and its marker, into another folder. Repeatable; never overwrites: it adds ``-1``.

        A file that is no longer that version is another one by now, and stays.
        """

    def check(self) -> list[str]:
        """Name the settings whose folders are not there, e.g. ``["outbox"]``. Raises what questions raise."""

    def probe(self) -> None:
        """List the inbox."""

    def close(self) -> None:
        """Give back the connection."""

    def __enter__(self) -> Self:
        """Belong to a block."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give back the connection."""


def open_folder(
    settings: RemoteSettings,
    secrets: Secrets,
    timeouts: RemoteTimeouts = RemoteTimeouts(),  # noqa: B008 - frozen
) -> RemoteFolder:
    """Open a partner's folders; nothing is connected to before the first call.

    Raises Refused("bad_source") where a key can't be read.
    """
    return CheckedFolder(settings, _transport(settings, secrets, timeouts), timeouts)


def check_credentials(settings: RemoteSettings, secrets: Secrets) -> None:
    """Read the credentials once, without connecting: with the adapter's building, and not with each order.

    Raises what ``secrets`` raises, and ValueError where a key can't be read.
    """
    try:
        open_folder(settings, secrets).close()
    except Refused:
        problem = "key_env holds no private key that password_env opens, or a line of host_keys is no key"
        raise ValueError(f"profile.remote: {problem}") from None


def _transport(settings: RemoteSettings, secrets: Secrets, timeouts: RemoteTimeouts) -> RemoteTransport:
    password = secrets(settings.password_env) if settings.password_env else ""
    if settings.scheme == "file":
        return LocalRemote()
    if settings.scheme == "sftp":
        key = secrets(settings.key_env) if settings.key_env else ""
        return SftpRemote(settings, password, key, timeouts)
    return FtpRemote(settings, password, timeouts)


__all__ = [
    "LARGEST",
    "RemoteEntry",
    "RemoteFolder",
    "RemoteSettings",
    "RemoteTimeouts",
    "Settled",
    "check_credentials",
    "entry_at",
    "open_folder",
]
