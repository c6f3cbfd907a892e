"""A partner's folders on a server, and how we get at them, for tests of the transport."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.exchange.remote import RemoteFolder, RemoteSettings, RemoteTimeouts, open_folder
from sandbox.fileserver import FileServers

HURRIED = RemoteTimeouts(connect=1.0, read=1.5, upload=20.0)


@dataclass
class Place:
    """A partner's folders, and how we get at them."""

    root: Path
    url: str
    servers: FileServers
    secrets: dict[str, str]

    def settings(self, **changes: Any) -> RemoteSettings:
        scheme = self.url.partition(":")[0]
        account = {} if scheme == "file" else {"username": self.servers.account[0], "password_env": "EDI_PASSWORD"}
        pins = {"host_keys": (self.servers.sftp.host_key.get_fingerprint(),)} if scheme == "sftp" else {}
        return RemoteSettings(**{"url": self.url, "settle_after": timedelta(0), **account, **pins, **changes})

    def folder(self, **changes: Any) -> RemoteFolder:
        return open_folder(self.settings(**changes), self.secrets.__getitem__, HURRIED)

    def put(self, name: str, body: bytes = b"a;b\r\n", *, age: float = 60) -> Path:
        path = self.root / "out" / name
        path.write_bytes(body)
        then = time.time() - age
        os.utime(path, (then, then))
        return path

    def outbox(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.root / "in").iterdir() if path.is_file()}


@contextmanager
def opened(place: Place, **changes: Any) -> Iterator[RemoteFolder]:
    with place.folder(**changes) as folder:
        yield folder
