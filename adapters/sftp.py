"""A session with an SFTP server, which must show a key that we were told of before it is told any credential.

asyncssh is asynchronous: every call runs its loop until it is answered. A session belongs to one thread at a time.
"""

import asyncio
import socket
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from adapters.errors import AdapterError, AuthenticationFailed, NotSent, Refused, Unavailable

T = TypeVar("T")
STRETCH = 1 << 18  # bytes that must come within one time-out, and that are under way at once
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_FORBIDDEN = (asyncssh.SFTPPermissionDenied,)
_NO_ANSWER = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage)


@dataclass(frozen=True)
class SftpAddress:
    """Where the server is, how it is named in messages, and how long it may take (seconds)."""

    host: str
    port: int
    username: str
    label: str
    connect_seconds: float = 5.0
    read_seconds: float = 30.0


class SftpSession:
    """Connects when first asked, and anew after a failure.

    ``host_keys`` are whole public keys (``ssh-ed25519 AAAA…``) or fingerprints (``SHA256:…``). Raises
    Refused("bad_source") where a key can't be read.
    """

    def __init__(self, address: SftpAddress, *, password: str, private_key: str, host_keys: Sequence[str]) -> None:
        self._address = address
        self._password = password
        self._key = _private_key(private_key, password)
        self._pinned = {line for line in host_keys if line.startswith("SHA256:")}
        self._trusted = [_host_key(line) for line in host_keys if line not in self._pinned and line.strip()]
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    @property
    def is_open(self) -> bool:
        """Say whether there is a connection."""
        return self._client is not None

    def client(self) -> asyncssh.SFTPClient:
        """Give the client, connected. Raises Refused("unknown_host_key") where the server shows another key."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def run(self, work: Coroutine[Any, Any, T], *, answers: bool = False) -> T:
        """Run one call to its end. A missing file is FileNotFoundError; all else is ``adapters.errors``.

        With ``answers``, what the server itself refused is raised as it came, an ``asyncssh.SFTPError``: whoever
        writes must know a refusal from a lost reply.
        """
        try:
            return self._runner.run(_limited(work, self._address.read_seconds))
        except _MISSING:
            raise FileNotFoundError from None
        except asyncssh.HostKeyNotVerifiable:
            self._disconnect()
            raise
        except (asyncssh.Error, OSError, TimeoutError) as error:
            if answers and isinstance(error, asyncssh.SFTPError) and not isinstance(error, _NO_ANSWER):
                raise
            raise self._told(error) from None

    def close(self) -> None:
        """Give back the connection."""
        self._disconnect()
        self._runner.close()

    def _connect(self) -> asyncssh.SFTPClient:
        if not self._trusted and not self._pinned:
            shown = self.run(self._ask_host_key())
            raise _unknown_host(self._address, shown, "no host_key is configured")
        watcher = _Watcher(self._pinned)
        try:
            return self.run(self._log_in(watcher))
        except asyncssh.HostKeyNotVerifiable:
            raise _unknown_host(self._address, watcher.shown, "it is not the configured host_key") from None

    async def _log_in(self, watcher: "_Watcher") -> asyncssh.SFTPClient:
        self._connection, _ = await asyncssh.create_connection(
            lambda: watcher,
            self._address.host,
            self._address.port,
            sock=self._dial(),
            known_hosts=(self._trusted, [], []),
            username=self._address.username,
            # The password opens the key where there is one; it is not the account's then.
            password=self._password or None if self._key is None else None,
            client_keys=[self._key] if self._key is not None else None,
            # Nothing of this machine's own account: no agent, no ~/.ssh.
            agent_path=None,
            config=None,
            connect_timeout=self._address.read_seconds,
        )
        return await self._connection.start_sftp_client(path_errors="surrogateescape")

    async def _ask_host_key(self) -> asyncssh.SSHKey | None:
        sock = self._dial()
        return await asyncssh.get_server_host_key(self._address.host, self._address.port, sock=sock, config=None)

    def _dial(self) -> socket.socket:
        try:
            dialled = socket.create_connection((self._address.host, self._address.port), self._address.connect_seconds)
        except OSError as error:
            label = self._address.label
            raise NotSent(f"{label}: no connection ({type(error).__name__})", code="no_connection") from None
        dialled.setblocking(False)
        return dialled

    def _told(self, error: Exception) -> AdapterError:
        label = self._address.label
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
                self._runner.run(_limited(connection.wait_closed(), self._address.connect_seconds))


class _Watcher(asyncssh.SSHClient):
    """Knows the pinned fingerprints, and remembers the key of a server that we do not trust, to show it."""

    def __init__(self, pinned: set[str]) -> None:
        self._pinned = {fingerprint.rstrip("=") for fingerprint in pinned}
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = key
        return key.get_fingerprint("sha256").rstrip("=") in self._pinned


async def _limited(work: Coroutine[Any, Any, T], seconds: float) -> T:
    return await asyncio.wait_for(work, seconds)


def _host_key(line: str) -> asyncssh.SSHKey:
    """Read ``ssh-ed25519 AAAA…``, as ssh-keyscan prints it after the host."""
    try:
        return asyncssh.import_public_key(line)
    except asyncssh.KeyImportError:
        raise Refused("host_key is no public key: it looks like `ssh-ed25519 AAAA…`", code="bad_source") from None


def _private_key(text: str, passphrase: str) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_private_key(text, passphrase or None) if text else None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise Refused("private_key_env holds no private key that password_env opens", code="bad_source") from None


def _unknown_host(address: SftpAddress, shown: asyncssh.SSHKey | None, why: str) -> Refused:
    key = f"{shown.get_algorithm()} {shown.get_fingerprint()}" if shown is not None else "no key"
    return Refused(
        f"{address.label}: {why}. It shows {key}: compare this with what the supplier says, and put the key into "
        "host_key (ssh-keyscan prints it)",
        code="unknown_host_key",
    )
