"""A mailbox over IMAP (RFC 3501, MOVE of RFC 6851): what is there, what it says, and putting it away.

One connection at a time, opened when it is needed and closed after a round. Everything here is a question, or may be
repeated: a lost connection is Unavailable.
"""

import imaplib
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

from adapters.errors import AuthenticationFailed, NotSent, Unavailable, UnexpectedReply
from adapters.http import CallSink
from adapters.suppliers.email.profile import Imap
from models.calls import CallRecord

UID = re.compile(rb"\bUID (\d+)")
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
CONTENT = "BODY.PEEK[]"
HEADERS = "BODY.PEEK[HEADER]"
IDLE_SECONDS = 60.0
MOST_LISTED = 50_000  # UIDs on a line, of up to eleven signs each: imaplib reads no more than a million


class Mailbox:
    """One account. Safe to share between threads: calls wait for each other."""

    def __init__(self, settings: Imap, password: str, timeout: timedelta, sink: CallSink, system: str) -> None:
        self._settings = settings
        self._password = password
        self._timeout = timeout.total_seconds()
        self._sink = sink
        self._system = system
        self._lock = RLock()
        self._connection: imaplib.IMAP4 | None = None
        self._selected = ""
        self._validity = 0  # of the selected folder
        self._exists = 0  # mails in it
        self._used_at = 0.0

    def look(self, folder: str, above: int = 0) -> tuple[int, list[int]]:
        """Open a folder; return its UIDVALIDITY and the UIDs of its mails above one, oldest first."""
        with self._asking("SEARCH", folder) as imap:
            validity = self._opened(imap, folder)
            listed = self._listed(imap, above)
        return validity, [uid for uid in listed if uid > above]  # "n:*" always names the last one

    def size(self, folder: str, uid: int) -> int | None:
        """Ask how many bytes a mail has; None where it is gone."""
        with self._asking("FETCH SIZE", folder) as imap:
            self._select(imap, folder)
            found = SIZE.search(_joined(_answer(imap.uid("FETCH", str(uid), "(RFC822.SIZE)"))))
        return int(found[1]) if found else None

    def fetch(self, folder: str, uid: int, part: str = CONTENT) -> bytes | None:
        """Read a mail, or its headers, byte for byte and without marking it; None where it is gone."""
        with self._asking("FETCH", folder) as imap:
            self._select(imap, folder)
            answer = _answer(imap.uid("FETCH", str(uid), f"({part})"))
        return next((bytes(item[1]) for item in answer if isinstance(item, tuple)), None)

    def search_header(self, folder: str, name: str, value: str) -> list[int]:
        """List the mails of a folder with a header that holds a value."""
        with self._asking("SEARCH HEADER", folder) as imap:
            self._select(imap, folder, afresh=True)
            return _uids(_answer(imap.uid("SEARCH", "HEADER", name, _quoted(value))))

    def move(self, folder: str, validity: int, uid: int, target: str) -> None:
        """Move a mail, where it is still that one; a folder that is missing is made. Repeatable."""
        with self._asking("MOVE", folder) as imap:
            if self._select(imap, folder) != validity:
                return
            take = self._move if "MOVE" in imap.capabilities else self._copy_and_expunge
            if not take(imap, uid, target):
                imap.create(_quoted(target))
                if not take(imap, uid, target):
                    raise UnexpectedReply(f"mailbox: a mail can't be moved to {target}", code="imap_no_folder")

    def append(self, folder: str, message: bytes) -> None:
        """Put a mail into a folder, as read."""
        with self._asking("APPEND", folder) as imap:
            stamp = imaplib.Time2Internaldate(time.time())
            _answer(imap.append(_quoted(folder), r"(\Seen)", stamp, message))

    def folders_missing(self, names: Sequence[str]) -> list[str]:
        """Say which folders can't be opened."""
        missing = []
        for name in names:
            with self._asking("EXAMINE", name) as imap:
                self._selected = ""
                if imap.select(_quoted(name), readonly=True)[0] != "OK":
                    missing.append(name)
        return missing

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._lock:
            connection, self._connection, self._selected = self._connection, None, ""
            if connection is not None:
                with suppress(OSError, imaplib.IMAP4.error):
                    connection.logout()

    def _select(self, imap: imaplib.IMAP4, folder: str, *, afresh: bool = False) -> int:
        if afresh or self._selected != folder:
            self._selected = ""
            exists = _answer(imap.select(_quoted(folder)))[-1]
            self._selected, self._exists = folder, int(exists or 0)
        _, answer = imap.response("UIDVALIDITY")
        if answer and answer[-1]:
            self._validity = int(answer[-1])
        return self._validity

    def _opened(self, imap: imaplib.IMAP4, folder: str) -> int:
        """Open the folder that answers come to. One that can't be opened is silence: somebody must hear of it."""
        try:
            return self._select(imap, folder, afresh=True)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise Unavailable(
                f"mailbox: folder {folder} can't be opened: is it there?", code="imap_no_folder"
            ) from None

    def _listed(self, imap: imaplib.IMAP4, above: int) -> list[int]:
        """List UIDs from one on: on a line, or where that would be too long for imaplib, a line each."""
        if self._exists <= MOST_LISTED:
            return _uids(_answer(imap.uid("SEARCH", f"UID {above + 1}:*")))
        return sorted(map(int, UID.findall(_joined(_answer(imap.uid("FETCH", f"{above + 1}:*", "(UID)"))))))

    @staticmethod
    def _move(imap: imaplib.IMAP4, uid: int, target: str) -> bool:
        return bool(imap.uid("MOVE", str(uid), _quoted(target))[0] == "OK")

    @staticmethod
    def _copy_and_expunge(imap: imaplib.IMAP4, uid: int, target: str) -> bool:
        if imap.uid("COPY", str(uid), _quoted(target))[0] != "OK":
            return False
        _answer(imap.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
        # Without UIDPLUS, other mails that somebody marked would go with it: so it only stays marked.
        if "UIDPLUS" in imap.capabilities:
            _answer(imap.uid("EXPUNGE", str(uid)))
        return True

    @contextmanager
    def _asking(self, operation: str, folder: str) -> Iterator[imaplib.IMAP4]:
        """Lend the connection for one question, and keep a record of it."""
        began, clock, failure = datetime.now(UTC), time.monotonic(), ""
        with self._lock:
            try:
                yield self._connected()
            except (imaplib.IMAP4.abort, OSError) as error:
                failure = type(error).__name__
                self._drop()
                raise Unavailable(f"mailbox: no answer to {operation} ({failure})", code="imap_lost") from None
            except imaplib.IMAP4.error:
                failure = "refused"
                self._drop()
                raise UnexpectedReply(f"mailbox: {operation} of {folder} is refused", code="imap_refused") from None
            except (NotSent, AuthenticationFailed, Unavailable) as error:
                failure = error.code
                raise
            finally:
                self._sink(self._record(operation, folder, failure, began, clock))

    def _connected(self) -> imaplib.IMAP4:
        """Return a connection that was alive a moment ago: servers end those that are not used."""
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        self._used_at = time.monotonic()
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> imaplib.IMAP4:
        where = f"mailbox {self._settings.host}"
        try:
            connection = _connect(self._settings, self._timeout)
        except (OSError, imaplib.IMAP4.error) as error:
            raise NotSent(f"{where}: no session ({type(error).__name__})", code=type(error).__name__) from None
        try:
            connection.login(self._settings.username, self._password)
        except (imaplib.IMAP4.abort, OSError) as error:
            _hang_up(connection)
            raise Unavailable(f"{where}: lost while logging in ({type(error).__name__})", code="imap_lost") from None
        except imaplib.IMAP4.error:
            _hang_up(connection)
            raise AuthenticationFailed(f"{where}: our credentials are not accepted", code="imap_login") from None
        _learn_capabilities(connection)
        return connection

    def _drop(self) -> None:
        connection, self._connection, self._selected = self._connection, None, ""
        if connection is not None:
            _hang_up(connection)

    def _record(self, operation: str, folder: str, failure: str, began: datetime, clock: float) -> CallRecord:
        return CallRecord(
            system=self._system,
            operation=f"imap {operation}",
            method="IMAP",
            url=f"imap://{self._settings.host}:{self._settings.port}/{folder}",
            request="",
            reply="",
            status=None if failure else 200,
            error=failure,
            started_at=began,
            duration_ms=round((time.monotonic() - clock) * 1000),
        )


def _connect(settings: Imap, timeout: float) -> imaplib.IMAP4:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return imaplib.IMAP4_SSL(settings.host, settings.port, ssl_context=context, timeout=timeout)
    connection = imaplib.IMAP4(settings.host, settings.port, timeout=timeout)
    if settings.security == "starttls":
        try:
            connection.starttls(ssl.create_default_context())
        except (OSError, imaplib.IMAP4.error):
            _hang_up(connection)
            raise
    return connection


def _hang_up(connection: imaplib.IMAP4) -> None:
    with suppress(OSError):
        connection.shutdown()


def _learn_capabilities(connection: imaplib.IMAP4) -> None:
    """Ask again after the login: servers tell strangers less."""
    _, answer = connection.capability()
    words = b" ".join(part for part in answer if isinstance(part, bytes)).decode("ascii", "replace")
    connection.capabilities = tuple(words.upper().split())


def _answer(answer: tuple[str, list[Any]]) -> list[Any]:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error("refused")
    return answer[1]


def _joined(answer: list[Any]) -> bytes:
    pieces: list[Any] = []
    for item in answer:
        pieces.extend(item if isinstance(item, tuple) else [item])
    return b" ".join(piece for piece in pieces if isinstance(piece, bytes))


def _uids(answer: list[Any]) -> list[int]:
    return sorted(int(word) for word in _joined(answer).split() if word.isdigit())


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
