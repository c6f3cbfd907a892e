"""Documents that travel as files: sent once through a desk and a partner's folders, settled after doubt, picked up.

The fact ``upload:CONTROL`` tells how far an upload surely got: nothing is kept before its rename is asked for, so that
a document whose file is nowhere, and which was never to be renamed, is proven not to exist.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from adapters.errors import AdapterError, Doubtful, NotSent, UnexpectedReply
from adapters.exchange.remote import RemoteFolder, RemoteSettings, Settled, entry_at
from adapters.ports import DocumentDesk
from models.exchange import DocumentState, Incoming, Outgoing

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

        Raises NotSent and AuthenticationFailed where it has not left, and Doubtful: also where an earlier attempt may
        have, which ``settle`` has to find out first. ``repeatable``: to send it twice does no harm, so it just leaves.
        """
        if outgoing.state in LEFT_STATES:
            return
        if self._may_have_left(outgoing) and not repeatable:
            raise Doubtful("an earlier upload of this document was not settled", code="unsettled")
        try:
            with self._open() as folder:
                folder.upload(outgoing.name, outgoing.body, about_to_rename=lambda: self._note_renaming(outgoing))
        except NotSent:
            with suppress(AdapterError):
                self._note(outgoing, "")
            raise
        self._leave(outgoing, receipt_due)

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

    def check(self) -> list[str]:
        """Name the settings whose folders are not there, and list the inbox."""
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
