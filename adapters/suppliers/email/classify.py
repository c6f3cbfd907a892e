"""What a supplier means by what it has written: one of a few verdicts, or that a person must read it. Pure.

An order is never settled by a guess: a second meaning, a condition, a quantity or an article's number, a question, an
attachment that may say otherwise, or words that nobody has accounted for make it ``UNCLEAR``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from adapters.suppliers.email.days import DAYS, take_days
from adapters.suppliers.email.leftovers import ON_PARCELS, has_leftovers
from adapters.suppliers.email.profile import EmailProfile
from adapters.suppliers.email.references import ORDER_NUMBER
from adapters.suppliers.email.trackings import CARRIER, carrier_of, take_trackings
from adapters.suppliers.email.words import PATTERNS, pattern, plain

MOST_WORDS = 150
MOST_SIGNS = 5_000  # expressions below take their time over longer texts that were made for it
NEGATIVE = frozenset("❌❎✗✘✖👎🚫⛔🙅")  # signs that say no
FEW_WORDS = 5  # among which "OK" means the order
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# Lines of a signature that nothing closes: what they name, and a number or an address. "Phone cases ..." are articles.
CONTACT = re.compile(
    r"^[^\w\n]*(?:(?:(?:tel[eé]?fono?|t[eé]l[eé]phone|tel|phone|fon|fax|mob|mobile|m[oó]vil|portable|cell|e-?mail)\b"
    r"(?:\d|[^\w\n])*)+|(?:e-?mail\b[^\w\n]*)?\S+@\S+[^\w\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Asked without a question mark: the verb stands before what it is about.
ASKED = re.compile(
    r"^\W*(?:(?:was|is|are|has|have|were) (?:this|the|your|our|it|my|that)|which|(?:ist|wurde|wird|haben|hat|sind) "
    r"(?:die|der|das|ihre|unsere|sie|es|diese))\b"
)
ANSWERS = re.compile(r"\s*(?:re|aw|antw|sv|rv|r)\s*:", re.IGNORECASE)
OWN_WORDS = ("accepted", "rejected", "backordered", "shipped")
SETTLING = ("backordered", "accepted", "agreed", "rejected", "cancelled")  # the longer phrases first


class Meaning(StrEnum):
    """What an answer says of the whole order."""

    ACCEPTED = "accepted"  # with a day, where one still to come is named
    REJECTED = "rejected"
    BACKORDERED = "backordered"  # all of it, until ``Verdict.day``
    SHIPPED = "shipped"
    CANCELLED = "cancelled"  # as we have asked
    TOO_LATE = "too_late"  # to cancel
    EMPTY = "empty"  # nothing was written
    ATTACHED = "attached"  # it is in what is attached
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Verdict:
    """A meaning with its facts; ``reason`` says in a code why it is unclear."""

    meaning: Meaning
    day: date | None = None
    trackings: tuple[str, ...] = ()
    carrier: str = ""
    reason: str = ""


@dataclass(frozen=True)
class _Facts:
    """What was found in an answer."""

    kinds: frozenset[str]
    days: frozenset[date]
    trackings: tuple[str, ...]
    carrier: str
    leftovers: bool  # words beside all that is known, or in a shipment's case beside what is said of parcels
    digits: bool  # numbers that are neither days nor parcels: quantities, articles, prices
    negated: bool  # a "not" beside those that belong to a phrase, e.g. "has not been cancelled"


def classify(
    reply: str,
    *,
    profile: EmailProfile,
    written_at: datetime | None,
    cancelling: bool = False,
    signers: frozenset[str] = frozenset(),
) -> Verdict:
    """Say what an answer means. ``cancelling``: it answers our wish to cancel. ``signers``: its sender's names."""
    if len(reply) > MOST_SIGNS:
        return _unclear("too_long")
    text = ORDER_NUMBER.sub(" ", LINK.sub(" ", reply))
    if not text.strip(" \n\t.,;:!-[]#"):
        return Verdict(Meaning.EMPTY)
    if len(text.split()) > MOST_WORDS:
        return _unclear("too_long")
    text = CONTACT.sub(" ", text)
    if not cancelling and _points_to_paper(text):
        return Verdict(Meaning.ATTACHED)
    try:
        facts = _facts(text, profile, written_at, signers)
    except ValueError:
        return _unclear("no_such_day")
    return _of_cancelling(facts) if cancelling else _of_order(facts)


def is_absence(subject: str) -> bool:
    """Say whether a subject is that of an absence note; what answers one is written by somebody."""
    return not ANSWERS.match(subject) and bool(PATTERNS["absent"].search(plain(subject)))


def speaks_of_one_article(reply: str) -> bool:
    """Say whether an answer speaks of one article, without saying which."""
    return bool(PATTERNS["singular"].search(plain(reply)))


def _points_to_paper(text: str) -> bool:
    points = PATTERNS["attached"]
    if any(sign.isdigit() or sign == "?" for sign in text) or not points.search(plain(text)):
        return False
    return not has_leftovers(text, (points,))


def _facts(text: str, profile: EmailProfile, written_at: datetime | None, signers: frozenset[str]) -> _Facts:
    trackings, rest = take_trackings(text)
    flat = plain(rest)
    today = written_at.date() if written_at else None
    days, flat = take_days(flat, order=profile.date_order, today=today)
    # The "not" of "not available" says what the phrase says, and so does what is not shipped; any other may turn it round.
    beside = PATTERNS["rejected"].sub(" ", PATTERNS["backordered"].sub(" ", flat))
    kinds = {kind for kind, phrases in PATTERNS.items() if phrases.search(beside if kind == "shipped" else flat)}
    own = {kind: pattern(words) for kind in OWN_WORDS if (words := getattr(profile.words, kind))}
    kinds |= {kind for kind, phrases in own.items() if phrases.search(flat)}
    if "?" in flat or ASKED.match(flat):
        kinds.add("question")
    if "agreed" in kinds and len(flat.split()) <= FEW_WORDS:
        kinds.add("accepted")  # in a longer text it may answer anything
    digits = any(sign.isdigit() for sign in flat)
    negated = bool(PATTERNS["negation"].search(beside)) or not NEGATIVE.isdisjoint(text)
    days = {day for day in days if today is None or day > today}  # others tell when something was written
    known = (*DAYS, *(PATTERNS[kind] for kind in SETTLING), *own.values())
    if "shipped" in kinds:
        known = (*known, PATTERNS["too_late"], PATTERNS["shipped"], ON_PARCELS, CARRIER)
    leftovers = has_leftovers(rest, known, signers)
    return _Facts(frozenset(kinds), frozenset(days), trackings, carrier_of(text), leftovers, digits, negated)


def _of_order(facts: _Facts) -> Verdict:
    said = facts.kinds & set(OWN_WORDS)
    if problem := _problem(facts) or _problem_of(facts, said):
        return _unclear(problem)
    day = next(iter(facts.days), None)
    if "shipped" in said:
        return Verdict(Meaning.SHIPPED, trackings=facts.trackings, carrier=facts.carrier)
    if "backordered" in said:
        return Verdict(Meaning.BACKORDERED, day=day)
    return Verdict(Meaning.REJECTED) if "rejected" in said else Verdict(Meaning.ACCEPTED, day=day)


def _problem(facts: _Facts) -> str:
    """Say what keeps any verdict from being certain; "" where nothing does."""
    if "question" in facts.kinds:
        return "question"
    if "hedge" in facts.kinds:
        return "condition"
    if facts.digits:
        return "numbers"
    return "negated" if facts.negated else ""


def _problem_of(facts: _Facts, said: frozenset[str]) -> str:
    """Say why these words together mean nothing certain; "" where they do. Several days are one too many."""
    if not said:
        return "no_known_words"
    if "shipped" in said:
        certain, missing = said <= {"shipped", "accepted"}, not facts.trackings and "shipped_without_tracking"
    elif "backordered" in said:  # "not available until" holds "not available"
        certain, missing = "accepted" not in said, not facts.days and "no_day"
    else:
        certain, missing = len(said) == 1 and not facts.trackings, False
        if "rejected" in said and (facts.days or "temporary" in facts.kinds):
            return "not_final"
        certain = certain and not ("accepted" in said and "regret" in facts.kinds)
    if not certain:
        return "contradictory"
    if missing:
        return missing
    if len(facts.days) > 1 and "shipped" not in said:
        return "two_days"
    return "other_words" if facts.leftovers else ""


def _of_cancelling(facts: _Facts) -> Verdict:
    """Only plain words end an order: "we confirm" may mean the order itself. What is too late has parcels perhaps."""
    late = "too_late" in facts.kinds or "shipped" in facts.kinds
    cancelled = "cancelled" in facts.kinds
    if _problem(facts) or late == cancelled or ((cancelled or facts.trackings) and facts.leftovers):
        return _unclear("cancellation_answer")
    if cancelled:
        return Verdict(Meaning.CANCELLED)
    return Verdict(Meaning.TOO_LATE, trackings=facts.trackings, carrier=facts.carrier)


def _unclear(reason: str) -> Verdict:
    return Verdict(Meaning.UNCLEAR, reason=reason)
