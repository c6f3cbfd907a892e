"""Documents that travel as files: sent once through a desk and a partner's folders, settled after doubt, picked up.

The fact ``upload:CONTROL`` tells how far an upload surely got: nothing is kept before its rename is asked for, so that
a document whose file is nowhere, and which was never to be renamed, is proven not to exist.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from adapters.errors import AdapterError, Doubtful, NotSent, Unavailable, UnexpectedReply
from adapters.exchange.remote import RemoteFolder, RemoteSettings, Settled, entry_at
from adapters.ports import DocumentDesk
from models.exchange import DocumentState, Incoming, Outgoing
from models.findings import Finding, Severity

SERVER_REMEDY = "check url, host_keys and credentials in profile.remote"
FOLDER_REMEDY = "ask the partner for the folder's name, and put it into profile.remote"
RENAMING = "renaming"
LEFT = "left"
LEFT_STATES = frozenset({DocumentState.SENT, DocumentState.RECEIVED, DocumentState.REFUSED})
TOO_LARGE = b"too large to be taken: "


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
        looked_for = self._may_have_left(outgoing) and not repeatable
        if looked_for and self._found(outgoing, receipt_due):
            return
        try:
            with self._open() as folder:
                folder.upload(outgoing.name, outgoing.body, about_to_rename=lambda: self._note_renaming(outgoing))
        except NotSent:
            with suppress(AdapterError):
                self._note(outgoing, "")
            raise
        self._leave(outgoing, receipt_due)

    def _found(self, outgoing: Outgoing, receipt_due: datetime | None) -> bool:
        try:
            return self.settle(outgoing, receipt_due=receipt_due) is Settled.THERE
        except (Unavailable, UnexpectedReply) as error:
            raise NotSent("whether it is there already can't be seen now", code=error.code) from None

    def settle(self, outgoing: Outgoing, *, receipt_due: datetime | None = None) -> Settled:
        """Find out whether a document has left, and note it. Raises what questions raise."""
        if outgoing.state in LEFT_STATES:
            return Settled.THERE
        renamed = self._may_have_left(outgoing)
        with self._open() as folder:
            settled = folder.settle(outgoing.name, outgoing.body, renamed=renamed)
        if settled is Settled.THERE:
            self._leave(outgoing, receipt_due)
        elif settled is Settled.ABSENT:
            self._note(outgoing, "")
        return settled

    def pick_up(self, patterns: Sequence[str]) -> Iterator[Incoming]:
        """Bring the complete files whose names match, oldest first.

        What is above the largest size comes as a note of it, which no reader takes for a document.
        """
        with self._open() as folder:
            self._round.folder = folder
            try:
                for entry in folder.ready(patterns):
                    try:
                        body = folder.read(entry)
                    except UnexpectedReply as problem:
                        if problem.code != "too_large":
                            continue  # it is still being written: the next round brings it
                        body = TOO_LARGE + entry.place.encode() + b"\0"
                    yield Incoming(name=entry.name, place=entry.place, body=body, sent_at=entry.modified_at)
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

    def _leave(self, outgoing: Outgoing, receipt_due: datetime | None) -> None:
        try:
            self._desk.sent(outgoing, receipt_due=receipt_due)
            self._note(outgoing, LEFT)
        except AdapterError as error:
            raise Doubtful("the document has left, and that could not be noted", code=error.code) from None

    def _may_have_left(self, outgoing: Outgoing) -> bool:
        return self._desk.recall(_fact(outgoing)) == RENAMING

    def _note_renaming(self, outgoing: Outgoing) -> None:
        try:
            self._note(outgoing, RENAMING)
        except AdapterError as error:
            raise NotSent("what is about to leave could not be noted", code=error.code) from None

    def _note(self, outgoing: Outgoing, how_far: str) -> None:
        self._desk.remember(_fact(outgoing), how_far)


def _fact(outgoing: Outgoing) -> str:
    return f"upload:{outgoing.control}"
