"""Files on an SFTP server. The server must show the key that the feed names, before it is told any credential.

``sftp://host/folder`` is an absolute path; ``sftp://host/~/folder`` lies below the account's home.
"""

from collections.abc import Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncssh

from adapters.errors import AdapterError, Unavailable
from adapters.feeds.locations import Location
from adapters.feeds.transport import Timeouts, changed, version_of
from adapters.sftp import STRETCH, SftpAddress, SftpSession
from models.feed_rows import RemoteFile


class SftpTransport:
    """A folder, or the one file that the source names. Connects when first asked, and anew after a failure."""

    def __init__(
        self,
        location: Location,
        password: str,
        private_key: str,
        *,
        host_key: str,
        folder: bool,
        timeouts: Timeouts,
    ) -> None:
        self._location = location
        address = SftpAddress(
            location.host, location.port, location.username, location.label, timeouts.connect, timeouts.read
        )
        self._session = SftpSession(address, password=password, private_key=private_key, host_keys=(host_key,))
        self._path = location.path.removeprefix("/~/") if location.path.startswith("/~/") else location.path or "/"
        self._named_folder = folder or location.names_folder
        self._is_folder: bool | None = True if self._named_folder else None

    def only(self) -> str | None:
        """Name the one file of the source, if it is one; the server must say whether it is a folder."""
        if self._is_folder is None:
            self._is_folder = self._session.run(_is_folder(self._session.client(), self._path))
        return None if self._is_folder else self._path.rpartition("/")[2]

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List the folder; links are asked about one by one."""
        try:
            entries = self._session.run(self._session.client().readdir(self._path))
        except FileNotFoundError:
            raise Unavailable(f"{self._location.label}: there is no such folder", code="no_folder") from None
        return {
            _text(entry.filename): _file(_text(entry.filename), entry.attrs)
            for entry in entries
            if entry.attrs.type != asyncssh.FILEXFER_TYPE_DIRECTORY
        }

    def describe(self, name: str) -> RemoteFile | None:
        """Ask for one file's size and time, at the end of any link."""
        path = self._path_of(name)
        try:
            return _file(name, self._session.run(self._session.client().stat(path)))
        except FileNotFoundError:
            return None

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a stretch at a time; the library asks for its parts all at once."""
        path = self._path_of(file.name)
        try:
            opened = self._session.run(_opened(self._session.client(), path))
        except FileNotFoundError:
            raise changed(file.name) from None
        try:
            while piece := self._session.run(_piece(opened, offset)):
                yield piece
                offset += len(piece)
        finally:
            with suppress(AdapterError, FileNotFoundError):
                if self._session.is_open:
                    self._session.run(opened.close())

    def close(self) -> None:
        """Give back the connection."""
        self._session.close()

    def _path_of(self, name: str) -> str:
        folder = self._path if self.only() is None else self._path.rpartition("/")[0]
        return f"{folder.rstrip('/')}/{name}" if folder or self._path.startswith("/") else name


async def _opened(client: asyncssh.SFTPClient, path: str) -> asyncssh.SFTPClientFile:
    return await client.open(path, "rb", encoding=None)


async def _piece(opened: asyncssh.SFTPClientFile, offset: int) -> bytes:
    piece: Any = await opened.read(STRETCH, offset)  # bytes, as it was opened; the library's types say str
    return bytes(piece)


async def _is_folder(client: asyncssh.SFTPClient, path: str) -> bool:
    return await client.isdir(path)


def _file(name: str, attributes: asyncssh.SFTPAttrs) -> RemoteFile | None:
    if attributes.type not in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN):
        return None
    modified_at = datetime.fromtimestamp(attributes.mtime, UTC) if attributes.mtime is not None else None
    return RemoteFile(name, attributes.size, modified_at, version_of(attributes.size, modified_at))


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
