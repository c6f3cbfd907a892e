"""A session with an FTP server, plain or with explicit TLS (RFC 959, 3659, 4217). Belongs to one thread at a time."""

import ftplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.errors import AuthenticationFailed, NotSent, Refused, Unavailable, UnexpectedReply

# Names are UTF-8 (RFC 2640), but not everywhere. ftplib stops at the first that is not, so it gets bytes as characters.
WIRE = "latin-1"
NOT_THERE = "550"
_UNKNOWN_COMMAND = ("500", "501", "502", "504")


@dataclass(frozen=True)
class FtpAddress:
    """Where the server is, how it is named in messages, and how long it may take (seconds)."""

    host: str
    port: int
    username: str
    label: str
    secure: bool  # TLS, for the control and the data connections
    connect_seconds: float = 5.0
    read_seconds: float = 30.0


def log_in(address: FtpAddress, password: str) -> ftplib.FTP:
    """Begin a binary session. Raises NotSent, Refused("ftp_…") or AuthenticationFailed."""
    session = _SecureFtp() if address.secure else ftplib.FTP(encoding=WIRE)  # noqa: S321 - suppliers have it
    try:
        session.connect(address.host, address.port, address.connect_seconds)
        _introduce(session, address, password)
    except ftplib.error_perm as error:
        session.close()
        code = reply_code(error)
        if code != "530":
            raise Refused(f"{address.label}: no session ({code})", code=f"ftp_{code}") from None
        raise AuthenticationFailed(f"{address.label}: it does not accept our credentials", code="credentials") from None
    except ftplib.all_errors as error:
        session.close()
        code = "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "no_connection"
        raise NotSent(f"{address.label}: no session ({type(error).__name__})", code=code) from None
    return session


def _introduce(session: ftplib.FTP, address: FtpAddress, password: str) -> None:
    assert session.sock is not None
    session.timeout = address.read_seconds
    session.sock.settimeout(address.read_seconds)
    session.login(wired(address.username) or "anonymous", wired(password))
    if isinstance(session, ftplib.FTP_TLS):
        session.prot_p()
    session.voidcmd("TYPE I")


@contextmanager
def spoken(label: str, what: str, hang_up: Callable[[], None]) -> Iterator[None]:
    """Say in our own words what the library reports, and hang up where the session can't go on."""
    try:
        yield
    except ftplib.error_perm as error:
        raise Refused(f"{label}: it refuses {what} ({reply_code(error)})", code=f"ftp_{reply_code(error)}") from None
    except ftplib.all_errors as error:
        hang_up()
        raise Unavailable(f"{label}: no answer for {what} ({type(error).__name__})") from None
    except ValueError:
        hang_up()
        raise UnexpectedReply(f"{label}: {what} can't be understood", code="unreadable_names") from None


class _SecureFtp(ftplib.FTP_TLS):
    """FTP with TLS whose data connections continue the control connection's session, as vsftpd and others demand."""

    def __init__(self) -> None:
        super().__init__(context=ssl.create_default_context(), encoding=WIRE)

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection, and secure it."""
        data, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            secured = self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session)
        except BaseException:
            data.close()
            raise
        return secured, size


def names_listed(session: ftplib.FTP, folder: str = "") -> list[str]:
    """List names only, without their folder. Some servers say of an empty folder that it is not there."""
    try:
        return [read_name(name).rpartition("/")[2] for name in session.nlst(*([wired(folder)] if folder else []))]
    except ftplib.error_perm as error:
        if reply_code(error) == NOT_THERE:
            return []
        raise


def lists_facts(session: ftplib.FTP) -> bool:
    """Ask for the server's features (RFC 2389); one that knows MLSD lists MLST (RFC 3659 §7.8)."""
    try:
        return "MLST" in session.sendcmd("FEAT").upper()
    except ftplib.error_perm:
        return False


def facts_of(session: ftplib.FTP, name: str) -> dict[str, str]:
    """Ask with MLST; the facts stand on the second line: `` type=file;size=17;modify=20260101000000; a.csv``."""
    _, *facts = session.sendcmd(f"MLST {wired(name)}").splitlines()
    if not facts:
        raise ValueError("a reply to MLST of one line")
    line = facts[0].strip()
    pairs = (fact.partition("=") for fact in line.partition(" ")[0].split(";") if fact)
    return {key.lower(): value for key, _, value in pairs}


def size_and_time(session: ftplib.FTP, name: str) -> tuple[int | None, datetime | None]:
    """Ask with SIZE, which folders do not have, and MDTM, which some servers do not know."""
    size = session.size(wired(name))
    try:
        return size, moment(session.sendcmd(f"MDTM {wired(name)}").partition(" ")[2])
    except ftplib.error_perm:
        return size, None


def moment(text: str) -> datetime | None:
    """Read ``20261231235959.123``, always UTC (RFC 3659 §2.3). Servers differ in fractions between their commands."""
    try:
        return datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def only_unknown(error: ftplib.error_perm) -> None:
    """Go on only if the server does not know the command."""
    if reply_code(error) not in _UNKNOWN_COMMAND:
        raise error


def wired(text: str) -> str:
    """Write a name as ftplib sends it."""
    return text.encode("utf-8", "surrogateescape").decode(WIRE)


def read_name(text: str) -> str:
    """Read a name as ftplib gives it."""
    return text.encode(WIRE).decode("utf-8", "surrogateescape")


def reply_code(error: ftplib.Error) -> str:
    """Take the three digits off a reply."""
    return str(error)[:3]
