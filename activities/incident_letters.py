"""The mails about an incident: what is wrong and since when, what happens by itself, and what a person can do.

They are read at night, by whoever has to decide whether to get up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities import letters
from activities.placement import NOT_BUILT
from adapters.database.incident_orders import Counts
from adapters.database.incidents import SILENT, Incident
from adapters.database.mails import Letter
from models.base import format_duration
from models.configuration import Configuration, Supplier
from models.incidents import Trouble
from workflows.decisions.outage import DueNotice, Notice


@dataclass(frozen=True)
class Affair:
    """An incident as its mails tell of it, at ``now``. ``asking``: open questions about orders that felt it."""

    incident: Incident
    configuration: Configuration
    counts: Counts
    asking: int
    now: datetime

    @property
    def supplier(self) -> Supplier:
        """The supplier's settings, while it is configured."""
        return self.configuration.suppliers[self.incident.supplier]

    @property
    def named(self) -> str:
        """Name the supplier as people and commands do."""
        return f"{self.supplier.display_name} ({self.incident.supplier})"

    @property
    def kind(self) -> str:
        """Name the kind of trouble in a subject."""
        return self.incident.kind.replace("_", " ")

    @property
    def lasted(self) -> str:
        """Say how long it has lasted, without the seconds of a long time."""
        span = (self.incident.recovered_at or self.incident.closed_at or self.now) - self.incident.opened_at
        if span > timedelta(minutes=2):
            span = timedelta(minutes=round(span / timedelta(minutes=1)))
        return format_duration(max(span, timedelta(0)))


def opened(affair: Affair) -> Letter:
    """Alert: the first mail, written as the incident opens."""
    name, incident = affair.supplier.display_name, affair.incident
    lines = [f"{_problem(affair)}.", *_prospects(affair), "", _next_mail(affair)]
    subject = f"{name}: {affair.kind} ({incident.reason})"
    return letters.alert(f"incident:{incident.id}", affair.configuration.mail.alerts_to, subject, lines)


def still_open(affair: Affair, due: DueNotice, *, probe_at: datetime | None) -> Letter:
    """Digest or escalation: how it stands now."""
    name, incident, mail = affair.supplier.display_name, affair.incident, affair.configuration.mail
    escalated = due.notice is Notice.ESCALATION
    tried = f"Tried: {incident.probes} times" + (f"; next at {_clock(probe_at)}." if probe_at else ".")
    lines = [
        f"{_problem(affair)}, {_so_far(affair)}.",
        f"Orders that felt it: {affair.counts.joined}. Waiting: {affair.counts.waiting}. {tried}",
        *(
            [f"{affair.asking} of them have waited longer than their deadline: `dropwright tasks`."]
            * bool(affair.asking)
        ),
        *_prospects(affair),
    ]
    word = "Escalation" if escalated else f"Digest {due.number}"
    subject = f"{word}: {name} {affair.kind} for {affair.lasted}, {affair.counts.waiting} orders wait"
    recipient = (mail.escalations_to or mail.alerts_to) if escalated else mail.alerts_to
    return letters.alert(f"incident:{incident.id}:{due.notice}:{due.number}", recipient, subject, lines)


def closed(affair: Affair) -> Letter:
    """Closing note: what it was, how long it took, and what is left to do."""
    incident, counts, known = affair.incident, affair.counts, affair.incident.supplier in affair.configuration.suppliers
    name = affair.supplier.display_name if known else incident.supplier
    how = "serves us again" if known else "is no longer configured"
    lines = [
        f"{name} {how} after {affair.lasted} ({affair.kind}, {incident.reason}, since {_clock(incident.opened_at)}).",
        "",
        f"Orders that felt it: {counts.joined}. Let go one after the other: {counts.released}. "
        f"Tried: {incident.probes} times.",
        _left_to_do(affair, known=known),
        f"`dropwright incident show {incident.id}` lists them.",
    ]
    subject = f"{name}: back after {affair.lasted}" if known else f"{name}: no longer configured"
    recipient = affair.configuration.mail.alerts_to
    return letters.alert(f"incident:{incident.id}:closed", recipient, subject, lines)


def _left_to_do(affair: Affair, *, known: bool) -> str:
    if affair.asking:
        return f"{affair.asking} questions about them are open: `dropwright tasks`."
    if affair.counts.released and not known:
        return "Nobody can send those that were let go: `dropwright order reroute ORDER`, or configure it again."
    return "Nothing is left to do."


def _problem(affair: Affair) -> str:
    problem = _PROBLEMS[Trouble(affair.incident.kind)].format(name=affair.named, code=affair.incident.reason)
    return f"{problem}. Since {_clock(affair.incident.opened_at)}"


def _so_far(affair: Affair) -> str:
    if affair.incident.down_again_at is None:
        return f"for {affair.lasted} now"
    return f"on and off for {affair.lasted}; it last went down {_clock(affair.incident.down_again_at)}"


def _prospects(affair: Affair) -> list[str]:
    """What happens by itself, and what a person can do."""
    kind, outages = Trouble(affair.incident.kind), affair.supplier.outages
    elsewhere = "Nothing is ordered elsewhere by itself (outages.reroute_after)."
    if outages.reroute_after is not None:
        elsewhere = f"What is not sent within {format_duration(outages.reroute_after)} is ordered elsewhere."
    words = {
        "id": str(affair.incident.id),
        "supplier": affair.incident.supplier,
        "every": format_duration(outages.probe_every),
        "try_every": format_duration(affair.supplier.account_hold_probe),
        "patience": format_duration(affair.supplier.unreachable_deadline),
        "elsewhere": elsewhere,
        "token": affair.supplier.token_env or "the credential that its configuration names",
    }
    return [
        "",
        "By itself:",
        *(f"- {line.format_map(words)}" for line in _BY_ITSELF[kind]),
        "",
        "You can:",
        *(f"- {line.format_map(words)}" for line in _TO_DO[kind]),
        *(["- see what its adapter lacks: `dropwright doctor`"] * (affair.incident.reason == NOT_BUILT)),
    ]


def _next_mail(affair: Affair) -> str:
    digest = format_duration(affair.supplier.outages.digest_every)
    escalation = format_duration(affair.configuration.people.escalate_after)
    over = "when it is over"
    if affair.incident.kind in SILENT and affair.supplier.outages.calm_for:
        over += f" (back for {format_duration(affair.supplier.outages.calm_for)} without trouble)"
    return f"The next mail comes {over}, after {escalation} as an escalation, or as a digest every {digest}."


def _clock(instant: datetime) -> str:
    return f"{instant:%d %b %Y %H:%M}Z"


_PROBLEMS: Mapping[Trouble, str] = {
    Trouble.UNREACHABLE: "{name} can't be reached: calls in a row went unanswered ({code})",
    Trouble.CREDENTIALS: "{name} does not accept our credentials ({code})",
    Trouble.ACCOUNT_HOLD: "{name} takes none of our orders ({code})",
    Trouble.CHANGED: "{name} answers {code} otherwise than until now, and we can't read it",
}
_WAITING = (
    "{elsewhere}",
    "An order that has waited {patience} asks a person.",
)
_BY_ITSELF: Mapping[Trouble, Sequence[str]] = {
    Trouble.UNREACHABLE: (
        "Its orders wait. It is not called for anything else meanwhile.",
        "It is tried every {every}. Once it answers, orders go on: one first, then the others, oldest first.",
        *_WAITING,
    ),
    Trouble.CREDENTIALS: (
        "Its orders wait. It is not called for anything else meanwhile.",
        "It is tried every {every}. Once it accepts us, orders go on, oldest first.",
        *_WAITING,
    ),
    Trouble.ACCOUNT_HOLD: (
        "Its orders wait. Quotes, acknowledgements and tracking go on.",
        "One order tries every {try_every}. Once it is taken, the others follow, oldest first.",
        *_WAITING,
    ),
    Trouble.CHANGED: (
        "Nothing of such an answer is used, and nothing waits but the orders that need it: they ask again.",
        "The first answer that can be read ends this.",
    ),
}
_COMMANDS = (
    "see who waits: `dropwright incident show {id}`",
    "have it tried now: `dropwright incident probe {id}`",
    "let the orders go without a try: `dropwright incident close {id}`",
    "order one elsewhere: `dropwright order reroute ORDER`; all that ask a person:"
    " `dropwright order reroute --where category=supplier_unreachable,supplier={supplier}`",
)
_TO_DO: Mapping[Trouble, Sequence[str]] = {
    Trouble.UNREACHABLE: _COMMANDS,
    Trouble.CREDENTIALS: ("renew {token}, and restart the workers where it stands in their environment", *_COMMANDS),
    Trouble.ACCOUNT_HOLD: ("put the account right there, e.g. fill the wallet", *_COMMANDS),
    Trouble.CHANGED: (
        "see what is gone, new, or of another type: `dropwright incident show {id}`",
        "answer its task, once the adapter reads it or it does not matter: `dropwright tasks`",
    ),
}
