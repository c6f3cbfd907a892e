"""A folder over SFTP, with passwords and keys, whose connections can be lost in the middle of a file or a rename.

Whoever asks in version 3 is told of a full disk by a plain "failure", and a rename never overwrites.
"""

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.serving import START_SECONDS, listen


def host_key(name: str = "dropwright sandbox") -> asyncssh.SSHKey:
    """Make the server's key: always the same one for a name, so that a configuration can name it."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return asyncssh.import_private_key(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def public_line(key: asyncssh.SSHKey) -> str:
    """Write a key as known_hosts has it behind the host."""
    return key.export_public_key().decode().strip()


@dataclass
class SftpAccess:
    """Who may come in, and how the server shows itself."""

    username: str
    password: str
    authorised: asyncssh.SSHKey | None = None  # a public key that opens too
    host_key: asyncssh.SSHKey = field(default_factory=host_key)
    passwords_seen: list[str] = field(default_factory=list)


@contextmanager
def serving_sftp(
    folder: Path, access: SftpAccess, faults: TransferFaults, port: int = 0, *, uploads: UploadFaults | None = None
) -> Iterator[int]:
    """Serve a folder in a thread for as long as the block lasts; yields the port."""
    spoilt = uploads or UploadFaults()
    listener = listen(port)
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = await asyncssh.create_server(
            lambda: _Door(access),
            sock=listener,
            server_host_keys=[access.host_key],
            sftp_factory=lambda channel: _Folder(channel, folder, faults, spoilt),
        )
        started.set()
        await stop.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=_run, args=(loop, serve), daemon=True)
    thread.start()
    try:
        if not started.wait(START_SECONDS):
            raise RuntimeError("the SFTP server did not start")
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)


def _run(loop: asyncio.AbstractEventLoop, serve: Any) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serve())


class _Door(asyncssh.SSHServer):
    def __init__(self, access: SftpAccess) -> None:
        self._access = access

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._access.passwords_seen.append(password)
        return (username, password) == (self._access.username, self._access.password)

    def public_key_auth_supported(self) -> bool:
        return self._access.authorised is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._access.username and key == self._access.authorised


class _Folder(asyncssh.SFTPServer):
    """The folder as a client sees it; every opened file is a transfer of its own."""

    def __init__(
        self,
        channel: asyncssh.SSHServerChannel[bytes],
        folder: Path,
        faults: TransferFaults,
        uploads: UploadFaults,
    ) -> None:
        super().__init__(channel, chroot=os.fsencode(folder))
        self._faults = faults
        self._uploads = uploads
        self._left: int | None = None
        self._spoilt: dict[str, Any] | None = None

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & asyncssh.FXF_WRITE:
            self._left, self._spoilt = None, self._uploads.take("write_dropped", "disk_full")
        else:
            self._left, self._spoilt = self._faults.allowance(), None
        return super().open(path, pflags, attrs)

    def read(self, file_obj: object, offset: int, size: int) -> Any:
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        time.sleep(self._faults.seconds_for(len(data)))
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self.channel.get_connection().abort()
        return data

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        spoilt = self._spoilt
        if spoilt is None or offset + len(data) <= spoilt["after"]:
            return super().write(file_obj, offset, data)
        super().write(file_obj, offset, data[: max(0, int(spoilt["after"]) - offset)])
        if spoilt["kind"] == "disk_full":
            raise asyncssh.SFTPFailure("Failure")
        self.channel.get_connection().abort()
        return 0

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        spoilt = self._uploads.take("rename_lost", "rename_dropped", "rename_hangs", "rename_refused")
        kind = spoilt["kind"] if spoilt else ""
        if kind == "rename_refused":
            raise asyncssh.SFTPFailure("Failure")
        if not spoilt or kind == "rename_lost" or spoilt["processed"]:
            super().rename(oldpath, newpath)
            self._uploads.renames += 1
        if spoilt and kind == "rename_hangs":
            await asyncio.sleep(float(spoilt["seconds"]))
        if spoilt:
            self.channel.get_connection().abort()

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if self._uploads.take("list_dropped"):
            self.channel.get_connection().abort()
        async for entry in super().scandir(path):
            yield entry
