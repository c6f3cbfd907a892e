"""The outbox: mails are rows of the transaction whose news they tell, and leave one by one, each at most twice.

``pending → sending`` is committed alone before a mail leaves. A row found in ``sending`` long after its claim is a mail
of unknown fate: it is sent once more, and marked ``may_repeat``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.statuses import MailState
from models.tables import mails

DOUBTFUL_AFTER = timedelta(minutes=2)  # longer than any conversation with a mail server may take


@dataclass(frozen=True)
class Letter:
    """A mail to be written; ``key`` names the news, which is never told twice."""

    key: str
    kind: str
    audience: str
    recipient: str
    subject: str
    body: str
    order_id: int | None = None


@dataclass(frozen=True)
class ClaimedMail:
    """A mail that is ours to send."""

    id: int
    kind: str
    recipient: str
    subject: str
    body: str
    repeated: bool
    attempts: int


def write(tx: Transaction, letters: Sequence[Letter], *, now: datetime) -> None:
    """Put mails into the outbox; one whose news was told before is left out."""
    rows = [
        {
            "key": letter.key,
            "kind": letter.kind,
            "audience": letter.audience,
            "order_id": letter.order_id,
            "recipient": letter.recipient,
            "subject": letter.subject,
            "body": letter.body,
            "state": MailState.PENDING,
            "created_at": now,
            "due_at": now,
        }
        for letter in letters
    ]
    if rows:
        tx.execute(upsert(mails).on_conflict_do_nothing(index_elements=["key"]), rows)


def write_new(tx: Transaction, letter: Letter, *, now: datetime) -> bool:
    """Put one mail into the outbox. False where its news was told before."""
    known = select(mails.c.id).where(mails.c.key == letter.key)
    if tx.execute(known).scalar() is not None:
        return False
    write(tx, [letter], now=now)
    return True


def claim_next(tx: Transaction, token: str, *, now: datetime) -> ClaimedMail | None:
    """Claim the next mail that is due, or one of unknown fate that was not repeated yet."""
    doubtful = and_(
        mails.c.state == MailState.SENDING, mails.c.claimed_at < now - DOUBTFUL_AFTER, mails.c.repeated.is_(False)
    )
    due = and_(mails.c.state == MailState.PENDING, mails.c.due_at <= now)
    candidate = (
        select(mails.c.id).where(or_(due, doubtful)).order_by(mails.c.due_at, mails.c.id).limit(1)
    ).with_for_update(skip_locked=True)
    claiming = (
        update(mails)
        .where(mails.c.id == candidate.scalar_subquery())
        .values(
            state=MailState.SENDING,
            token=token,
            claimed_at=now,
            attempts=mails.c.attempts + 1,
            repeated=or_(mails.c.repeated, mails.c.state == MailState.SENDING),
        )
        .returning(mails)
    )
    row = tx.execute(claiming).one_or_none()
    if row is None:
        return None
    return ClaimedMail(row.id, row.kind, row.recipient, row.subject, row.body, row.repeated, row.attempts)


def sent(tx: Transaction, mail: ClaimedMail, token: str, *, now: datetime) -> None:
    """The mail server took it. A mail whose first fate is unknown stays marked: it may have arrived twice."""
    _close(tx, mail, token, MailState.MAY_REPEAT if mail.repeated else MailState.SENT, now=now)


def refused(tx: Transaction, mail: ClaimedMail, token: str, *, now: datetime) -> None:
    """The mail server will never take it."""
    _close(tx, mail, token, MailState.REFUSED, now=now)


def doubtful(tx: Transaction, mail: ClaimedMail, token: str, *, now: datetime) -> None:
    """Nobody knows whether the mail server took it: once more, and then it is left as it is."""
    if mail.repeated:
        _close(tx, mail, token, MailState.MAY_REPEAT, now=now)
        return
    again = update(mails).where(mails.c.id == mail.id, mails.c.token == token)
    tx.execute(again.values(state=MailState.PENDING, repeated=True, due_at=now, token=None))


def postpone(tx: Transaction, mail: ClaimedMail, token: str, *, due_at: datetime) -> None:
    """It was not taken: later."""
    later = update(mails).where(mails.c.id == mail.id, mails.c.token == token)
    tx.execute(later.values(state=MailState.PENDING, due_at=due_at, token=None))


def _close(tx: Transaction, mail: ClaimedMail, token: str, state: MailState, *, now: datetime) -> None:
    closing = update(mails).where(mails.c.id == mail.id, mails.c.token == token)
    tx.execute(closing.values(state=state, sent_at=now))
