"""Commands on versions of the configuration that wait for a second person: look at them, approve, reject."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from adapters.database import proposals
from adapters.database.engine import Database, Transaction
from models.configuration import Configuration
from starter.applying import Outcome, change_lines, refuse_to_strand, standing, tell
from starter.configuration_files import Change, differences
from starter.console import AsJson, CommandFailedError, Who, acting, console, print_table, read_settings, write_json
from starter.opening import opened_database

Number = Annotated[int, typer.Argument(metavar="ID", help="The proposal's number.", min=1)]
Forced = Annotated[bool, typer.Option("--force", help="Also remove what open orders still need.")]


def list_proposals(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were decided or are outdated.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the versions that wait for a second person, and what each changes.

    Example: dropwright config proposals

    JSON: [{"proposal", "state", "rules", "base", "proposed_by", "proposed_at", "decided_by", "decided_at", "changes":
    [{"path", "before", "after"}]}]; base is the version that it changes, changes are those of open ones.
    """
    with opened_database(read_settings()) as database:
        before = standing(database).configuration
        with database.begin() as tx:
            found = [(one, _changes(tx, one, before)) for one in proposals.list_proposals(tx, decided=everything)]
    if as_json:
        write_json([_row(one) | {"changes": changes} for one, changes in found])
        return
    if not found:
        console().print("nothing waits for a second person")
        return
    rows = [_row(one) for one, _ in found]
    print_table([key.replace("_", " ") for key in rows[0]], [list(row.values()) for row in rows])
    for one, changes in found:
        for line in change_lines(changes):
            console().print(f"{one.id}: {line}")


def _row(one: proposals.Proposal) -> dict[str, Any]:
    return {
        "proposal": one.id,
        "state": one.state,
        "rules": one.rules,
        "base": one.base,
        "proposed_by": one.proposed_by,
        "proposed_at": one.proposed_at,
        "decided_by": one.decided_by,
        "decided_at": one.decided_at,
    }


def _changes(tx: Transaction, one: proposals.Proposal, before: Configuration | None) -> list[Change]:
    if one.state != "open":
        return []
    try:
        return differences(before, proposals.read(proposals.find(tx, one.id)[1], one.id))
    except proposals.RefusedError:  # approving it says so
        return []


def approve(number: Number, *, by: Who = None, force: Forced = False, as_json: AsJson = False) -> None:
    """Put a proposed version into force, as somebody other than who proposed it; again changes nothing.

    Example: dropwright config approve 3 --as ben

    JSON: {"version": int, "changed": bool, "changes": [{"path", "before", "after"}]}
    """
    with opened_database(read_settings()) as database:
        before = standing(database).configuration
        try:
            outcome = _approve(database, number, before, by=acting(by), force=force)
        except proposals.RefusedError as error:
            raise CommandFailedError(str(error)) from None
    tell(outcome, as_json=as_json)


def _approve(database: Database, number: int, before: Configuration | None, *, by: str, force: bool) -> Outcome:
    with database.begin() as tx:
        proposal, document = proposals.find(tx, number)
    if proposal.state == "open" and before is not None and not force:
        refuse_to_strand(database, before, proposals.read(document, number))
    version, changed = proposals.approve(database, number, by=by, now=datetime.now(UTC))
    changes = differences(before, proposals.read(document, number)) if changed else []
    return Outcome(version, changed, changes)


def reject(number: Number, *, by: Who = None, as_json: AsJson = False) -> None:
    """Say no to a proposed version, or take one's own back; again changes nothing.

    Example: dropwright config reject 3 --as ben

    JSON: {"proposal": int, "changed": bool}
    """
    with opened_database(read_settings()) as database:
        try:
            changed = proposals.reject(database, number, by=acting(by), now=datetime.now(UTC))
        except proposals.RefusedError as error:
            raise CommandFailedError(str(error)) from None
    if as_json:
        write_json({"proposal": number, "changed": changed})
    else:
        console().print(f"proposal {number} {'is rejected' if changed else 'was not open any more: nothing changed'}")
