"""What a supplier that does not serve us leads to: when it counts as down, whom it is told, when it is tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Notice(StrEnum):
    """The mails about an incident, beside the one that opens it and the one that closes it."""

    DIGEST = "digest"
    ESCALATION = "escalation"  # the digest of that moment, to those who escalate


@dataclass(frozen=True)
class DueNotice:
    """A mail that is due. ``number`` counts the digests, 1 for the first; an escalation has 0."""

    notice: Notice
    number: int = 0


def opens(
    failures: int, failing_for: timedelta, *, most_failures: int, within_at_least: timedelta, recovering: bool
) -> bool:
    """Say whether so many calls in a row without an answer mean that a supplier is down.

    A burst of failures within a moment says little of a supplier with few orders a day: it must also last. One that
    has come back, and whose incident is not over yet, has not that long.
    """
    return failures >= most_failures and (recovering or failing_for >= within_at_least)


def notice_due(
    opened_at: datetime, now: datetime, digest_every: timedelta, escalate_after: timedelta
) -> DueNotice | None:
    """Say which mail is due now: the newest only, so that nothing is made up for after a pause.

    Where a digest and the escalation fall together they are one mail, the escalation.
    """
    open_for = now - opened_at
    digest = max(open_for // digest_every, 0)  # another worker's clock, by which it opened, may be ahead of ours
    escalated = open_for >= escalate_after
    if escalated and opened_at + digest * digest_every <= opened_at + escalate_after:
        return DueNotice(Notice.ESCALATION)
    return DueNotice(Notice.DIGEST, digest) if digest else None


def next_notice(opened_at: datetime, now: datetime, digest_every: timedelta, escalate_after: timedelta) -> datetime:
    """Say when the next mail may be due."""
    digest = opened_at + ((now - opened_at) // digest_every + 1) * digest_every
    escalation = opened_at + escalate_after
    return min(digest, escalation) if escalation > now else digest


def next_probe(probed_at: datetime, every: timedelta, not_before: datetime | None) -> datetime:
    """Say when a supplier is tried again: one interval after the last time, later where it has asked us to stay away."""
    due = probed_at + every
    return max(due, not_before) if not_before else due


def poll_pause(
    now: datetime, checks: Sequence[datetime], final_grace: timedelta, look_again: timedelta
) -> timedelta | None:
    """Say how long a poll rests while its supplier is down; None where its plan is over, which an outage does not move."""
    remaining = checks[-1] + final_grace - now
    return min(look_again, remaining) if remaining > timedelta(0) else None


def room(at_once: int, under_way: int, *, proven: bool) -> int:
    """Say how many more waiting orders may be let go beside those that were let go and are not through yet.

    Until one has come through they go one by one: a supplier that answers questions may still lose orders.
    """
    return max((at_once if proven else 1) - under_way, 0)
