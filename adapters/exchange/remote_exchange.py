"""Documents that travel as files: sent once through a desk and a partner's folders, settled after doubt, picked up.

The fact ``upload:CONTROL`` tells how far an upload surely got: nothing is kept before its rename is asked for, so that
a document whose file is nowhere, and which was never to be renamed, is proven not to exist. An upload that fails leaves
the fact as it found it: what an earlier one may have done is still so.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from adapters.errors import AdapterError, Doubtful, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.exchange.keeping import upload_fact
from adapters.exchange.remote import RemoteFolder, RemoteSettings, Settled, entry_at
from adapters.exchange.remote_names import readable
from adapters.ports import DocumentDesk
from models.exchange import DocumentState, Incoming, Outgoing
from models.findings import Finding, Severity

SERVER_REMEDY = "check url, host_keys and credentials in profile.remote"
FOLDER_REMEDY = "ask the partner for the folder's name, and put it into profile.remote"
RENAMING = "renaming"
LEFT = "left"
AGAIN = " again"  # behind either: it had left before
DOUBLED = RENAMING + " twice"  # and nobody knows what became of the first time
LEFT_STATES = frozenset({DocumentState.SENT, DocumentState.RECEIVED, DocumentState.REFUSED})
TAKEN_NAME = "name_taken"
MOST_FAILURES = 3  # in a row: then it is the server, and not one document
# What stands in place of a file that can't be taken, before its place: no reader takes it for a document.
TOO_LARGE = b"too large to be taken: "
NOT_READABLE = b"not to be read: "
_INSTEAD = {"too_large": TOO_LARGE, "not_readable": NOT_READABLE}


def why_not_taken(body: bytes) -> str:
    """Say why there is no file behind what was picked up; "" for a file."""
    if body.startswith(TOO_LARGE):
        return "too_large: it was left in the error folder"
    if body.startswith(NOT_READABLE):
        return "not_readable: the server lists it, and does not let us read it"
    return ""


class RemoteExchange:
    """One partner's documents. Safe to share between threads: each opens folders of its own."""

    def __init__(self, settings: RemoteSettings, open_: Callable[[], RemoteFolder], desk: DocumentDesk) -> None:
        self._settings = settings
        self._open = open_
        self._desk = desk
        self._round = threading.local()  # the folders of a round that is under way in this thread

    def transmit(self, outgoing: Outgoing, *, receipt_due: datetime | None = None, repeatable: bool = False) -> None:
        """Put a document into the outbox and note that it has left; one that has left already stays as it is.

        Raises NotSent and AuthenticationFailed where it has not left, and Doubtful. Where an earlier attempt may have
        left it is looked for first; what is nowhere to be seen leaves again, because whoever asks for that a second time
        has proof, or a person's word. ``repeatable``: to send it twice does no harm, so it just leaves.
        """
        if outgoing.state in LEFT_STATES:
            return
        so_far = self._how_far(outgoing)
        if so_far.startswith(RENAMING) and not repeatable:
            if self._found(outgoing, receipt_due):
                return
            so_far = self._how_far(outgoing)
        if so_far.startswith(RENAMING):  # from here on, what lies there under the temporary name may be this upload's
            self._note_renaming(outgoing, so_far := DOUBLED)
        renaming = so_far if so_far == DOUBLED else RENAMING + AGAIN if so_far else RENAMING
        try:
            with self._open() as folder:
                folder.upload(
                    outgoing.name, outgoing.body, about_to_rename=lambda: self._note_renaming(outgoing, renaming)
                )
        except NotSent:
            with suppress(AdapterError):
                self._note(outgoing, so_far)
            raise
        self._leave(outgoing, receipt_due, LEFT + AGAIN if so_far else LEFT)

    def transmit_all(self, waiting: Sequence[Outgoing], receipt_due: Callable[[Outgoing], datetime | None]) -> None:
        """Send documents that do no harm twice, each whatever became of those before it. Raises the first failure last.

        Refused says that the server does take documents, only not some of these: nobody has to wait for it to recover.
        """
        problem: AdapterError | None = None
        in_a_row = 0
        for outgoing in waiting:
            try:
                self.transmit(outgoing, receipt_due=receipt_due(outgoing), repeatable=True)
                in_a_row = 0
            except (NotSent, Doubtful) as error:
                problem = problem or error
                in_a_row += error.code != TAKEN_NAME
            if in_a_row >= MOST_FAILURES:
                break
        if problem is not None and (problem.code == TAKEN_NAME or in_a_row == 0):
            raise Refused(str(problem), code=problem.code)
        if problem is not None:
            raise problem

    def _found(self, outgoing: Outgoing, receipt_due: datetime | None) -> bool:
        try:
            return self.settle(outgoing, receipt_due=receipt_due) is Settled.THERE
        except (Unavailable, UnexpectedReply) as error:
            raise NotSent("whether it is there already can't be seen now", code=error.code) from None

    def settle(self, outgoing: Outgoing, *, receipt_due: datetime | None = None) -> Settled:
        """Find out whether a document has left, and note it. Raises what questions raise."""
        if outgoing.state in LEFT_STATES:
            return Settled.THERE
        so_far = self._how_far(outgoing)
        with self._open() as folder:
            settled = folder.settle(outgoing.name, outgoing.body, renamed=so_far.startswith(RENAMING))
        if settled is Settled.THERE:
            self._leave(outgoing, receipt_due, LEFT if so_far in ("", RENAMING) else LEFT + AGAIN)
        elif settled is Settled.ABSENT and so_far == DOUBLED:
            return Settled.UNSURE  # the newest upload is not there; the one before it may have been taken
        elif settled is Settled.ABSENT:
            self._note(outgoing, LEFT if so_far.endswith(AGAIN) else "")
        return settled

    def pick_up(self, patterns: Sequence[str]) -> Iterator[Incoming]:
        """Bring the complete files whose names match, oldest first.

        What is above the largest size, or may not be read, comes as a note of it, which no reader takes for a document.
        """
        with self._open() as folder:
            self._round.folder = folder
            try:
                for entry in folder.ready(patterns):
                    try:
                        body = folder.read(entry)
                    except UnexpectedReply as problem:
                        if problem.code not in _INSTEAD:
                            continue  # it is still being written: the next round brings it
                        body = _INSTEAD[problem.code] + entry.place.encode() + b"\0"
                    yield Incoming(name=readable(entry.name), place=entry.place, body=body, sent_at=entry.modified_at)
            finally:
                self._round.folder = None

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move a file to the archive or the error folder, over the round's own connection where there is one."""
        with self._folder() as folder:
            folder.move(entry_at(incoming.place), self._settings.archive if good else self._settings.error)

    def probe(self) -> None:
        """List the inbox."""
        with self._open() as folder:
            folder.probe()

    def findings(self, area: str) -> list[Finding]:
        """Check that the server is the pinned one, lets us in, and has the folders."""

        def found(severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
            return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)

        try:
            missing = self._missing()
        except AdapterError as error:
            return [found(Severity.ERROR, "file server", str(error), SERVER_REMEDY)]
        if missing:
            return [found(Severity.ERROR, f"folder {name}", "is not there", FOLDER_REMEDY) for name in missing]
        return [found(Severity.OK, "file server", "lets us in, and has the folders")]

    def _missing(self) -> list[str]:
        with self._open() as folder:
            if missing := folder.check():
                return missing
            folder.probe()
            return []

    @contextmanager
    def _folder(self) -> Iterator[RemoteFolder]:
        under_way: RemoteFolder | None = getattr(self._round, "folder", None)
        if under_way is not None:
            yield under_way
        else:
            with self._open() as folder:
                yield folder

    def _leave(self, outgoing: Outgoing, receipt_due: datetime | None, how_far: str) -> None:
        try:
            self._desk.sent(outgoing, receipt_due=receipt_due)
            self._note(outgoing, how_far)
        except AdapterError as error:
            raise Doubtful("the document has left, and that could not be noted", code=error.code) from None

    def may_have_left(self, outgoing: Outgoing) -> bool:
        """Say whether nobody knows what became of its newest upload."""
        return self._how_far(outgoing).startswith(RENAMING)

    def left_twice(self, control: int) -> bool:
        """Say whether the partner may have been given a document more than once."""
        how_far = self._desk.recall(upload_fact(control)) or ""
        return how_far == DOUBLED or how_far.endswith(AGAIN)

    def _how_far(self, outgoing: Outgoing) -> str:
        return self._desk.recall(upload_fact(outgoing.control)) or ""

    def _note_renaming(self, outgoing: Outgoing, renaming: str) -> None:
        try:
            self._note(outgoing, renaming)
        except AdapterError as error:
            raise NotSent("what is about to leave could not be noted", code=error.code) from None

    def _note(self, outgoing: Outgoing, how_far: str) -> None:
        self._desk.remember(upload_fact(outgoing.control), how_far)
