"""A folder over FTP or FTPS, whose connections can be lost in the middle of a file.

pyftpdlib speaks TLS only with pyOpenSSL. Here it is the standard library's: a socket that shakes hands at its first
read or write, and says "not yet" the way pyftpdlib expects it.
"""

import errno
import logging
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.serving import LOOPBACK, START_SECONDS

with warnings.catch_warnings():
    # On Python 3.11 it uses the standard library's asyncore, which says that it will go.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

READ_ONLY = "elr"
WRITABLE = "elradfmw"  # and append, delete, rename, make folders, store
POLL_SECONDS = 0.02
HANDSHAKE_SECONDS = 1.0
BUFFER = 16_384  # bytes; a TLS record
_TLS_COMMANDS = {
    name: {"perm": None, "auth": False, "arg": True, "help": f"Syntax: {name} <SP> value (RFC 4217)."}
    for name in ("AUTH", "PBSZ", "PROT")
}


@dataclass
class FtpManners:
    """What kind of FTP server this is: which commands it does not know, and what it noticed of its clients."""

    unknown: frozenset[str] = frozenset()  # e.g. {"MLSD", "MLST"}
    sessions_reused: list[bool] = field(default_factory=list)  # for every secured data connection


@contextmanager
def serving_ftp(
    folder: Path,
    credentials: tuple[str, str],
    faults: TransferFaults,
    manners: FtpManners,
    *,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    uploads: UploadFaults | None = None,
) -> Iterator[int]:
    """Serve a folder in a thread for as long as the block lasts, with TLS on demand; yields the port.

    With ``uploads`` it can be written into, and that can be spoilt.
    """
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    authorizer = DummyAuthorizer()
    authorizer.add_user(*credentials, str(folder), perm=READ_ONLY if uploads is None else WRITABLE)
    values = {"authorizer": authorizer, "faults": faults, "tls": tls, "manners": manners}
    values["uploads"] = uploads or UploadFaults()
    handler = type("Handler", (_Session,), values)
    server = FTPServer((LOOPBACK, port), handler, ioloop=IOLoop())
    stopping = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, stopping), daemon=True)
    thread.start()
    try:
        yield server.address[1]
    finally:
        stopping.set()
        thread.join(START_SECONDS)


def _serve(server: Any, stopping: threading.Event) -> None:
    while not stopping.is_set():
        server.serve_forever(timeout=POLL_SECONDS, blocking=False, handle_exit=False)
    server.close_all()


class _NonBlockingTls(ssl.SSLSocket):
    """A TLS socket that says EAGAIN where plain ones do."""

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError(errno.EAGAIN, "not yet") from None
        except ssl.SSLError:
            raise ConnectionResetError(errno.ECONNRESET, "no TLS") from None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError(errno.EAGAIN, "not yet") from None
        except ssl.SSLError:
            raise ConnectionResetError(errno.ECONNRESET, "no TLS") from None


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make what a server needs to speak TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sslsocket_class = _NonBlockingTls
    return context


class _Data(DTPHandler):  # type: ignore[misc]
    """A data connection: secured where PROT P was said, slow or lost as planned."""

    ac_out_buffer_size = BUFFER

    def __init__(self, sock: socket.socket, cmd_channel: "_Session") -> None:
        if cmd_channel.protected:
            assert cmd_channel.tls is not None
            sock.setblocking(False)
            sock = cmd_channel.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._left: int | None = None
        self._is_begun = False
        self._upload: dict[str, Any] | None = None
        super().__init__(sock, cmd_channel)

    def use_sendfile(self) -> bool:
        return False  # every byte must pass through ``send``

    def send(self, data: bytes) -> int:
        faults = self.cmd_channel.faults
        if self.file_obj is not None and not self._is_begun:
            self._is_begun = True
            self._left = faults.allowance()
        if self._left is not None and len(data) > self._left:
            data = data[: self._left]
            if not data:
                self.cmd_channel.close()
                return 0
        sent = int(super().send(data))
        time.sleep(faults.seconds_for(sent))
        if self._left is not None:
            self._left -= sent
        return sent

    def enable_receiving(self, type: str, cmd: str) -> None:  # noqa: A002 - pyftpdlib's name
        self._upload = self.cmd_channel.uploads.take("write_dropped", "disk_full")
        super().enable_receiving(type, cmd)

    def handle_read(self) -> None:
        super().handle_read()
        spoilt = self._upload
        if spoilt is None or self.tot_bytes_received <= spoilt["after"]:
            return
        self._upload = None
        if spoilt["kind"] == "disk_full":
            self._resp = ("552 the quota is exceeded", logging.getLogger("pyftpdlib").warning)
            self.close()
        else:
            self.cmd_channel.close()

    handle_read_event = handle_read

    def close(self) -> None:
        if isinstance(self.socket, ssl.SSLSocket) and not self._closed and self.cmd_channel.connected:
            with suppress(OSError, ValueError):
                self._end_tls(self.socket)
        super().close()

    def _end_tls(self, secured: ssl.SSLSocket) -> None:
        """Say goodbye; where nothing was sent, not even the handshake has happened yet."""
        secured.settimeout(HANDSHAKE_SECONDS)
        secured.do_handshake()
        self.cmd_channel.manners.sessions_reused.append(bool(secured.session_reused))
        secured.setblocking(False)
        secured.unwrap()


class _Session(FTPHandler):  # type: ignore[misc]
    """A client's control connection; the attributes are this server's."""

    dtp_handler = _Data
    proto_cmds = {**FTPHandler.proto_cmds, **_TLS_COMMANDS}  # noqa: RUF012 - pyftpdlib's way
    banner = "a simulated FTP server"
    auth_failed_timeout = 0
    unicode_errors = "surrogateescape"
    faults: TransferFaults
    uploads: UploadFaults
    manners: FtpManners
    tls: ssl.SSLContext | None
    protected = False
    speechless = False
    socket: socket.socket

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        if cmd in self.manners.unknown or (cmd in _TLS_COMMANDS and self.tls is None):
            self.respond(f"500 {cmd} is not understood")
        else:
            super().pre_process_command(line, cmd, arg)

    def respond(self, resp: str, logfun: Any = logging.getLogger("pyftpdlib").debug) -> None:  # noqa: B008 - pyftpdlib's
        if not self.speechless:
            super().respond(resp, logfun)

    def ftp_RNTO(self, path: str) -> None:  # noqa: N802
        spoilt = self.uploads.take("rename_lost", "rename_dropped", "rename_refused")
        kind = spoilt["kind"] if spoilt else ""
        if kind == "rename_refused":
            self.respond("553 not with that name")
            return
        if kind != "rename_dropped":
            self.speechless = kind == "rename_lost"
            super().ftp_RNTO(path)
            self.uploads.renames += 1
        if spoilt:
            self.close()

    def ftp_AUTH(self, line: str) -> None:  # noqa: N802, ARG002
        self.respond("234 now")
        assert self.tls is not None
        self.socket = self.tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def ftp_PBSZ(self, line: str) -> None:  # noqa: N802, ARG002
        self.respond("200 PBSZ=0")

    def ftp_PROT(self, line: str) -> None:  # noqa: N802
        self.protected = line.upper() == "P"
        self.respond("200 understood")
