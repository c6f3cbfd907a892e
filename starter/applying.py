"""How a changed configuration comes into force: shown, rehearsed, agreed to, and where it matters by two people."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import typer

from adapters.database import views
from adapters.database.configurations import OutdatedError, apply, digest_of, newest_document
from adapters.database.engine import Database
from adapters.database.proposals import Proposal, propose
from models.configuration import Configuration
from starter.configuration_files import Change, differences
from starter.console import CommandFailedError, console, say, write_json
from workflows.decisions.high_impact import high_impact_changes

_DECIDES_WHO_DELIVERS = re.compile(r"(routing|stock|backorders|suppliers\.[^.]+\.terms)\b")


@dataclass(frozen=True)
class Standing:
    """The version in force, as far as it can be read."""

    version: int | None  # None: nothing was ever applied
    document: Mapping[str, Any]
    configuration: Configuration | None  # None: none, or of an earlier Dropwright, and not comparable


@dataclass(frozen=True)
class Outcome:
    """What became of a configuration that was to be applied."""

    version: int  # in force now
    changed: bool
    changes: Sequence[Change] = ()
    rehearsal: Sequence[str] = ()
    proposal: Proposal | None = None  # it waits for a second person
    shown: bool = False  # the changes, before somebody said yes


def standing(database: Database) -> Standing:
    """Read the version in force."""
    with database.begin() as tx:
        found = newest_document(tx)
    if found is None:
        return Standing(None, {}, None)
    version, document = found
    try:
        return Standing(version, document, Configuration.model_validate(document))
    except ValueError:
        say("the version before does not fit this version of Dropwright: no comparison is possible")
        return Standing(version, document, None)


def bring_in(
    database: Database, before: Standing, after: Configuration, *, by: str, ask: bool = False, yes: bool = False
) -> Outcome:
    """Apply a configuration, or propose it where it changes a high-impact rule.

    With ``ask``, a change of who delivers is rehearsed and shown first, and needs a yes. Raises CommandFailedError
    where that is not given, and where somebody else applied another version meanwhile.
    """
    document = after.model_dump(mode="json")
    if before.version is not None and digest_of(before.document) == digest_of(document):
        return Outcome(before.version, changed=False)
    rules = [] if before.version is None else high_impact_changes(before.document, document)
    changes, rehearsal, shown = differences(before.configuration, after), list[str](), False
    if ask and (rules or any(_DECIDES_WHO_DELIVERS.match(change.path) for change in changes)):
        rehearsal = _rehearse(database, before.configuration, after)
        shown = _agree([*change_lines(changes), *rehearsal], yes=yes)
    outcome = _settle(database, before, after, rules=rules, by=by)
    told = outcome.changed or outcome.proposal is not None
    return replace(outcome, changes=changes, rehearsal=rehearsal, shown=shown) if told else outcome


def _rehearse(database: Database, before: Configuration | None, after: Configuration) -> list[str]:
    from starter.rehearsal.summary import summary_for_apply  # most commands never need its charts and processes

    return summary_for_apply(database, before, after)


def _settle(database: Database, before: Standing, after: Configuration, *, rules: Sequence[str], by: str) -> Outcome:
    now = datetime.now(UTC)
    if rules and before.version is not None:
        proposal, _ = propose(database, after, base=before.version, rules=rules, by=by, now=now)
        return Outcome(before.version, changed=False, proposal=proposal)
    try:
        version, changed = apply(database, after, by=by, now=now, base=before.version)
    except OutdatedError as error:
        raise CommandFailedError(f"{error}: run the command again, and look at what changes now") from None
    return Outcome(version.id, changed)


def _agree(lines: Sequence[str], *, yes: bool) -> bool:
    """Get a yes. Returns whether the lines were shown for it."""
    if yes:
        return False
    for line in lines:
        say(line)
    if not at_a_terminal():
        raise CommandFailedError(
            "this changes who delivers, and nobody is here to say yes: look at it with `dropwright rehearse`, "
            "then repeat with --yes"
        )
    if not typer.confirm("Apply this?", err=True):
        raise CommandFailedError("not applied: the version in force stays")
    return True


def at_a_terminal() -> bool:
    """Say whether somebody can be asked."""
    return sys.stdin.isatty()


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Say what became of it."""
    if as_json:
        write_json(_as_document(outcome))
        return
    for line in () if outcome.shown else (*change_lines(outcome.changes), *outcome.rehearsal):
        console().print(line)
    if outcome.proposal is not None:
        console().print(_who_must_do_what(outcome.proposal, outcome.version))
    elif outcome.changed:
        console().print(f"version {outcome.version} applied")
    else:
        console().print(f"nothing changed: version {outcome.version} stands")


def _as_document(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = {
        "version": outcome.version,
        "changed": outcome.changed,
        "changes": list(outcome.changes),
    }
    if outcome.rehearsal:
        document["rehearsal"] = list(outcome.rehearsal)
    if outcome.proposal is not None:
        document["proposal"] = outcome.proposal
    return document


def _who_must_do_what(proposal: Proposal, version: int) -> str:
    named = ", ".join(f'"{name}"' for name in proposal.rules)
    return (
        f"proposal {proposal.id} waits, version {version} stands: high-impact rules change ({named}). Somebody other "
        f"than {proposal.proposed_by} looks at `dropwright config proposals`, then `dropwright config approve "
        f"{proposal.id}` or `dropwright config reject {proposal.id}`"
    )


def change_lines(changes: Iterable[Change]) -> list[str]:
    """Write changes as lines; what is new and empty says nothing, and would hide what is new."""
    return [describe(one) for one in changes if one.before is not None or one.after not in ("[]", "{}")]


def describe(change: Change) -> str:
    """Write a change as one line."""
    if change.before is None:
        return f"+ {change.path} = {change.after}"
    if change.after is None:
        return f"- {change.path} (was {change.before})"
    return f"~ {change.path}: {change.before} → {change.after}"


def refuse_to_strand(database: Database, before: Configuration, after: Configuration) -> None:
    """An open order whose supplier or channel is gone would fail its activities without end.

    With another adapter, too: what was quoted, and the number it was placed under, mean nothing to that one.
    """
    gone_suppliers = set(before.suppliers) - set(after.suppliers)
    gone_channels = set(before.channels) - set(after.channels)
    with database.begin() as tx:
        stranded = [name for name in sorted(gone_suppliers) if views.open_at_supplier(tx, name)]
        stranded += [name for name in sorted(gone_channels) if views.open_in_channel(tx, name)]
        kept = sorted(set(before.suppliers) & set(after.suppliers))
        moved = [name for name in kept if before.suppliers[name].adapter != after.suppliers[name].adapter]
        moved = [name for name in moved if views.open_at_supplier(tx, name)]
    if moved:
        raise CommandFailedError(
            f"open orders still go by the adapter of {', '.join(moved)}: configure the other one as a supplier of its own "
            "and set enabled = false here until they have ended, or repeat with --force"
        )
    if stranded:
        raise CommandFailedError(
            f'open orders still need {", ".join(stranded)}: set enabled = false or mode = "observe" instead, '
            "or repeat with --force"
        )
