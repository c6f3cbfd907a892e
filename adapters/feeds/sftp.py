"""Files on an SFTP server. The server must show the key that the feed names, before it is told any credential.

``sftp://host/folder`` is an absolute path; ``sftp://host/~/folder`` lies below the account's home. asyncssh is
asynchronous: every call runs its loop until it is answered.
"""

import asyncio
import socket
from collections.abc import Coroutine, Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncssh

from adapters.errors import AdapterError, AuthenticationFailed, NotSent, Refused, Unavailable
from adapters.feeds.locations import Location
from adapters.feeds.transport import Timeouts, changed, version_of
from models.feed_rows import RemoteFile

T = TypeVar("T")
STRETCH = 1 << 18  # bytes that must come within one time-out, and that are under way at once
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_FORBIDDEN = (asyncssh.SFTPPermissionDenied,)


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
        self._password = password
        self._key = _private_key(private_key, password)
        self._trusted = _host_key(host_key)
        self._timeouts = timeouts
        self._path = location.path.removeprefix("/~/") if location.path.startswith("/~/") else location.path or "/"
        self._named_folder = folder or location.names_folder
        self._is_folder: bool | None = True if self._named_folder else None
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def only(self) -> str | None:
        """Name the one file of the source, if it is one; the server must say whether it is a folder."""
        if self._is_folder is None:
            self._is_folder = self._run(_is_folder(self._connected(), self._path))
        return None if self._is_folder else self._path.rpartition("/")[2]

    def names(self) -> Mapping[str, RemoteFile | None]:
        """List the folder; links are asked about one by one."""
        try:
            entries = self._run(self._connected().readdir(self._path))
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
            return _file(name, self._run(self._connected().stat(path)))
        except FileNotFoundError:
            return None

    def stream(self, file: RemoteFile, offset: int) -> Generator[bytes, None, None]:
        """Read a stretch at a time; the library asks for its parts all at once."""
        path = self._path_of(file.name)
        try:
            opened = self._run(_opened(self._connected(), path))
        except FileNotFoundError:
            raise changed(file.name) from None
        try:
            while piece := self._run(_piece(opened, offset)):
                yield piece
                offset += len(piece)
        finally:
            with suppress(AdapterError, FileNotFoundError):
                if self._client is not None:
                    self._run(opened.close())

    def close(self) -> None:
        """Give back the connection."""
        self._disconnect()
        self._runner.close()

    def _path_of(self, name: str) -> str:
        folder = self._path if self.only() is None else self._path.rpartition("/")[0]
        return f"{folder.rstrip('/')}/{name}" if folder or self._path.startswith("/") else name

    def _connected(self) -> asyncssh.SFTPClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> asyncssh.SFTPClient:
        if self._trusted is None:
            shown = self._run(self._ask_host_key())
            raise _unknown_host(self._location, shown, "no host_key is configured")
        watcher = _Watcher()
        try:
            return self._run(self._log_in(watcher, self._trusted))
        except asyncssh.HostKeyNotVerifiable:
            raise _unknown_host(self._location, watcher.shown, "it is not the configured host_key") from None

    async def _log_in(self, watcher: "_Watcher", trusted: asyncssh.SSHKey) -> asyncssh.SFTPClient:
        self._connection, _ = await asyncssh.create_connection(
            lambda: watcher,
            self._location.host,
            self._location.port,
            sock=self._dial(),
            known_hosts=([trusted], [], []),
            username=self._location.username,
            # The password opens the key where there is one; it is not the account's then.
            password=self._password or None if self._key is None else None,
            client_keys=[self._key] if self._key is not None else None,
            # Nothing of this machine's own account: no agent, no ~/.ssh.
            agent_path=None,
            config=None,
            connect_timeout=self._timeouts.read,
        )
        return await self._connection.start_sftp_client(path_errors="surrogateescape")

    async def _ask_host_key(self) -> asyncssh.SSHKey | None:
        sock = self._dial()
        return await asyncssh.get_server_host_key(self._location.host, self._location.port, sock=sock, config=None)

    def _dial(self) -> socket.socket:
        try:
            dialled = socket.create_connection((self._location.host, self._location.port), self._timeouts.connect)
        except OSError as error:
            label = self._location.label
            raise NotSent(f"{label}: no connection ({type(error).__name__})", code="no_connection") from None
        dialled.setblocking(False)
        return dialled

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one call to its end. A missing file is FileNotFoundError; all else is ``adapters.errors``."""
        try:
            return self._runner.run(_limited(work, self._timeouts.read))
        except _MISSING:
            raise FileNotFoundError from None
        except asyncssh.HostKeyNotVerifiable:
            self._disconnect()
            raise
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise self._told(error) from None

    def _told(self, error: Exception) -> AdapterError:
        label = self._location.label
        if isinstance(error, _FORBIDDEN):
            return Refused(f"{label}: it may not be read", code="forbidden")
        self._disconnect()
        if isinstance(error, asyncssh.PermissionDenied):
            return AuthenticationFailed(f"{label}: it does not accept our credentials", code="credentials")
        return Unavailable(f"{label}: the connection failed ({type(error).__name__})")

    def _disconnect(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()
            with suppress(OSError, asyncssh.Error, TimeoutError):
                self._runner.run(_limited(connection.wait_closed(), self._timeouts.connect))


class _Watcher(asyncssh.SSHClient):
    """Remembers the key of a server that we do not trust, to show it to whoever must compare it."""

    shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = key
        return False


async def _limited(work: Coroutine[Any, Any, T], seconds: float) -> T:
    return await asyncio.wait_for(work, seconds)


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


def _host_key(line: str) -> asyncssh.SSHKey | None:
    """Read ``ssh-ed25519 AAAA…``, as ssh-keyscan prints it after the host."""
    try:
        return asyncssh.import_public_key(line) if line.strip() else None
    except asyncssh.KeyImportError:
        raise Refused("host_key is no public key: it looks like `ssh-ed25519 AAAA…`", code="bad_source") from None


def _private_key(text: str, passphrase: str) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_private_key(text, passphrase or None) if text else None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise Refused("private_key_env holds no private key that password_env opens", code="bad_source") from None


def _unknown_host(location: Location, shown: asyncssh.SSHKey | None, why: str) -> Refused:
    key = f"{shown.get_algorithm()} {shown.get_fingerprint()}" if shown is not None else "no key"
    return Refused(
        f"{location.label}: {why}. It shows {key}: compare this with what the supplier says, and put the key into "
        "host_key (ssh-keyscan prints it)",
        code="unknown_host_key",
    )
