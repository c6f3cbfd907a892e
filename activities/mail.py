"""The outbox's dispatcher: claims mails one by one and sends each, row by row."""

from datetime import timedelta
from uuid import uuid4

from temporalio import activity

from activities.common import Dependencies, now
from activities.failures import wait
from adapters.database import mails
from adapters.database.mails import ClaimedMail
from adapters.errors import Doubtful, NotSent, Refused
from adapters.ports import Mailer
from models.configuration import Mail
from models.contracts import MailBatch
from models.identifiers import message_id

BATCH = 500  # mails of one activity: its workflow's history stays short
BACKOFF_CEILING = timedelta(minutes=30)


class MailActivities:
    """One dispatcher for the whole outbox; a second one would do no harm."""

    def __init__(self, deps: Dependencies, *, look_every: timedelta) -> None:
        """``look_every`` is how long an empty outbox is left alone."""
        self._deps = deps
        self._look_every = look_every

    @activity.defn(no_thread_cancel_exception=True)
    def dispatch_mail(self) -> MailBatch:
        """Send what is due; wait by retry where nothing is."""
        sent = 0
        while sent < BATCH and self._dispatch_one():
            sent += 1
            activity.heartbeat()
        if not sent:
            raise wait("the outbox is empty", self._look_every)
        return MailBatch(sent=sent)

    def _dispatch_one(self) -> bool:
        token = uuid4().hex
        outside = self._deps.outside
        # Before a claim, which makes a mail one of unknown fate: a password that is missing must use up none of them.
        settings, mailer = outside.configuration.mail, outside.mailer()
        with self._deps.database.begin() as tx:
            mail = mails.claim_next(tx, token, now=now())
        if mail is None:
            return False
        outcome = _send(mail, settings, mailer)
        with self._deps.database.begin() as tx:
            if outcome is None:
                mails.sent(tx, mail, token, now=now())
            elif isinstance(outcome, Doubtful):
                mails.doubtful(tx, mail, token, now=now())
            elif isinstance(outcome, NotSent):
                pause = min(self._look_every * 2 ** min(mail.attempts, 12), BACKOFF_CEILING)
                mails.postpone(tx, mail, token, due_at=now() + pause)
            else:
                mails.refused(tx, mail, token, now=now())
        return True


def _send(mail: ClaimedMail, settings: Mail, mailer: Mailer) -> NotSent | Refused | Doubtful | None:
    try:
        mailer.send(
            sender=settings.sender,
            sender_name=settings.sender_name,
            recipient=mail.recipient,
            subject=mail.subject,
            body=mail.body,
            message_id=message_id(mail.kind, mail.id, settings.sender.rpartition("@")[2]),
        )
    except (NotSent, Refused, Doubtful) as error:
        return error
    return None
