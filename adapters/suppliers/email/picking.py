"""Which mails of a mailbox are taken up, and which are done: mails are moved away, or counted where they stay.

A mailbox may serve many suppliers and people. A mail is ours where it comes from one of the supplier's addresses, or
names an order of ours at this supplier; all others are left untouched. What is done is kept per UIDVALIDITY: when the
server renumbers its mails, all are looked at again, and the desk knows those it has by their bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from adapters.errors import UnexpectedReply
from adapters.suppliers.email.imap import CONTENT, HEADERS, Mailbox
from adapters.suppliers.email.letter import NOT_FETCHED, TRUNCATED, Letter, UnreadableMail, read_letter
from adapters.suppliers.email.profile import EmailProfile, Imap
from adapters.suppliers.email.reading import came_back, numbers_in, numbers_of_report
from adapters.suppliers.email.trust import is_suppliers
from models.exchange import Incoming

MOST_BYTES = 20_000_000  # of larger mails only the headers are read
MOST_MAILS = 200  # per round
MOST_REFUSALS = 3  # of one mail, each in another round


@dataclass(frozen=True)
class Mark:
    """How far a folder is done: every UID up to ``low``, and those named above it."""

    validity: int = 0
    low: int = 0
    done: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str | None) -> "Mark":
        """Read a mark as ``str`` writes it; nothing is done where there is none."""
        validity, low, done = (text or "0:0:").split(":")
        return cls(int(validity), int(low), frozenset(int(uid) for uid in done.split(",") if uid))

    def __str__(self) -> str:
        """Write it as the desk remembers it."""
        return f"{self.validity}:{self.low}:{','.join(str(uid) for uid in sorted(self.done))}"

    def with_done(self, uid: int) -> "Mark":
        """Add one mail."""
        return Mark(self.validity, self.low, self.done | {uid})

    def settled(self, listed: list[int]) -> "Mark":
        """Raise ``low`` up to the first mail that is not done; what is gone is done. ``listed``: UIDs above it."""
        open_ = [uid for uid in listed if uid not in self.done]
        low = min(open_) - 1 if open_ else max((self.low, *listed, *self.done))
        return Mark(self.validity, low, frozenset(uid for uid in self.done if uid > low))


class Pickup:
    """One supplier's share of a mailbox."""

    def __init__(
        self,
        mailbox: Mailbox,
        profile: EmailProfile,
        settings: Imap,
        *,
        remember: Callable[[str, str], None],
        recall: Callable[[str], str | None],
        is_our_order: Callable[[str], bool],
    ) -> None:
        self._mailbox = mailbox
        self._profile = profile
        self._settings = settings
        self._remember = remember
        self._recall = recall
        self._is_our_order = is_our_order
        self._key = f"mail:{settings.folder}"

    def mails(self) -> Iterator[Incoming]:
        """Bring what is ours and not done, oldest first."""
        mark = Mark.parse(self._recall(self._key))
        validity, listed = self._mailbox.look(self._settings.folder, mark.low)
        if validity != mark.validity:  # RFC 3501 §2.3.1.1: no UID means what it meant
            mark = Mark(validity)
            _, listed = self._mailbox.look(self._settings.folder)
        self._remember(self._key, str(mark.settled(listed)))
        # Not ``mark.settled``: what a stopped round left open lies above its lowest open one.
        waiting = [uid for uid in listed if uid not in mark.done]
        refused = None
        for uid in waiting[:MOST_MAILS]:
            try:
                incoming = self._incoming(validity, uid)
            except UnexpectedReply as refusal:  # of this mail: those behind it are read all the same
                if self._count_refusal(validity, uid) < MOST_REFUSALS:
                    refused = refused or refusal
                    continue
                incoming = self._not_fetched(validity, uid)
            if incoming is None:
                self._note(validity, uid)
            else:
                yield incoming
        if refused is not None:
            raise refused

    def put_away(self, incoming: Incoming, *, good: bool) -> None:
        """Move a mail away, or count it as done where it stays."""
        validity, uid = (int(part) for part in incoming.place.split(":"))
        if self._settings.put_away == "move":
            target = self._settings.archive if good else self._settings.errors
            self._mailbox.move(self._settings.folder, validity, uid, target)
        self._note(validity, uid)

    def _note(self, validity: int, uid: int) -> None:
        mark = Mark.parse(self._recall(self._key))
        if mark.validity == validity:
            self._remember(self._key, str(mark.with_done(uid)))

    def _count_refusal(self, validity: int, uid: int) -> int:
        """Count the rounds in which the server would not give a mail out."""
        key = f"{self._key}:refused"
        known, _, listed = (self._recall(key) or "").partition(":")
        counts = Counter(int(one) for one in listed.split(",") if one and known == str(validity))
        counts[uid] += 1
        newest = sorted(counts.elements())[-MOST_MAILS:]
        self._remember(key, f"{validity}:{','.join(map(str, newest))}")
        return counts[uid]

    def _not_fetched(self, validity: int, uid: int) -> Incoming | None:
        """Bring what there is of a mail that the server does not give out, so that a person looks for it."""
        folder, headers = self._settings.folder, b""
        with suppress(UnexpectedReply):
            headers = self._mailbox.fetch(folder, uid, HEADERS) or b""
        if headers and not self._may_be_ours(_read(headers)):
            return None
        body = f"{NOT_FETCHED}: mail {validity}:{uid} of {folder}\r\n".encode() + headers
        return _picked(_read(body), body, f"{validity}:{uid}")

    def _incoming(self, validity: int, uid: int) -> Incoming | None:
        """Read a mail, where it is ours; of one that is too large only the headers, with a note of its size."""
        folder = self._settings.folder
        size = self._mailbox.size(folder, uid)
        headers = self._mailbox.fetch(folder, uid, HEADERS)
        if size is None or not headers or not self._may_be_ours(_read(headers)):
            return None
        too_large = size > MOST_BYTES
        body = _with_size(headers, size) if too_large else self._mailbox.fetch(folder, uid, CONTENT)
        if body is None:
            return None
        letter = _read(body)
        if letter is not None and not self._is_ours(letter):
            return None
        return _picked(letter, body, f"{validity}:{uid}")

    def _may_be_ours(self, headers: Letter | None) -> bool:
        """Judge by headers alone: a report of a mail server names its mail only inside."""
        if headers is None:
            return False
        return headers.report is not None or headers.is_from_mail_server or self._is_ours(headers)

    def _is_ours(self, letter: Letter) -> bool:
        if letter.report is not None:
            named = numbers_of_report(letter)
        elif any(is_suppliers(sender, self._profile) for sender in letter.senders):
            return True
        else:
            named = set().union(*numbers_in(letter, self._profile))
        return any(map(self._is_our_order, named)) or (not named and came_back(letter, self._profile))


def _picked(letter: Letter | None, body: bytes, place: str) -> Incoming:
    """Name a mail by its Message-ID; one that has none, or can't be read, by its bytes."""
    name = (letter.message_id if letter else "") or f"no-message-id-{sha256(body).hexdigest()[:32]}"
    return Incoming(name=name[:300], place=place, body=body, sent_at=letter.sent_at if letter else None)


def _with_size(headers: bytes, size: int) -> bytes:
    return f"{TRUNCATED}: {size}\r\n".encode() + headers


def _read(body: bytes) -> Letter | None:
    try:
        return read_letter(body)
    except UnreadableMail:
        return None
