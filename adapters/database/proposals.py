"""Versions of the configuration that wait for a second person, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update

from adapters.database.configurations import digest_of, lock, store
from adapters.database.engine import Database, Transaction
from models.configuration import Configuration
from models.tables import configuration_proposals, configurations

State = Literal["open", "approved", "rejected", "outdated"]


class RefusedError(RuntimeError):
    """A proposal that can't be decided like this; the message says why and what to do."""


@dataclass(frozen=True)
class Proposal:
    """A version that somebody proposed. It is outdated once another version was applied after the one it changes."""

    id: int
    state: State
    rules: Sequence[str]  # the high-impact rules that it changes
    base: int  # the version it was compared with
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


def propose(
    database: Database, configuration: Configuration, *, base: int, rules: Sequence[str], by: str, now: datetime
) -> tuple[Proposal, bool]:
    """Keep a version for a second person. Returns it and whether it is new: the same waits once, whoever repeats it."""
    document = configuration.model_dump(mode="json")
    proposals = configuration_proposals.c
    with database.begin() as tx:
        lock(tx)
        newest = _newest(tx)
        same = (proposals.digest == digest_of(document), proposals.base_id == base, proposals.outcome.is_(None))
        found = tx.execute(select(configuration_proposals).where(*same)).one_or_none()
        if found is not None:
            return _read(found, newest), False
        row = insert(configuration_proposals).values(
            document=document,
            digest=digest_of(document),
            base_id=base,
            reasons=list(rules),
            proposed_at=now,
            proposed_by=by,
        )
        return _read(tx.execute(row.returning(configuration_proposals)).one(), newest), True


def list_proposals(tx: Transaction, *, decided: bool = False) -> list[Proposal]:
    """List what waits, the oldest first; with ``decided`` also what no longer does."""
    newest = _newest(tx)
    rows = tx.execute(select(configuration_proposals).order_by(configuration_proposals.c.id))
    found = [_read(row, newest) for row in rows]
    return [one for one in found if decided or one.state == "open"]


def find(tx: Transaction, number: int) -> tuple[Proposal, dict[str, Any]]:
    """Find a proposal and its document. Raises RefusedError where there is none."""
    row = _find(tx, number)
    return _read(row, _newest(tx)), row.document


def approve(database: Database, number: int, *, by: str, now: datetime) -> tuple[int, bool]:
    """Apply a proposal as a second person. Returns the version it became, and whether it became that only now.

    Raises RefusedError where the same person proposed it, or where it was rejected or is outdated: that is recorded.
    """
    with database.begin() as tx:
        lock(tx)
        row = _find(tx, number)
        proposal = _read(row, _newest(tx))
        if proposal.state == "approved":
            return _became(tx, row), False
        if proposal.state == "open":
            if proposal.proposed_by.casefold() == by.casefold():  # a login is one person, however it is written
                raise RefusedError(_ANOTHER_PERSON.format(number=number, by=by))
            version, _ = store(tx, read(row.document, number), by=by, now=now, base=proposal.base)
            _decide(tx, number, "approved", by, now)
            return version, True
        if row.outcome is None:
            _decide(tx, number, "outdated", by, now)
    raise RefusedError(_TOO_LATE[proposal.state].format(number=number, base=proposal.base))


def reject(database: Database, number: int, *, by: str, now: datetime) -> bool:
    """Say no, or take one's own proposal back. Returns whether it was open. Raises RefusedError where it is applied."""
    with database.begin() as tx:
        lock(tx)
        row = _find(tx, number)
        if row.outcome == "approved":
            raise RefusedError(f"proposal {number} was approved by {row.decided_by}: apply a configuration without it")
        if row.outcome is None:
            _decide(tx, number, "rejected", by, now)
        return row.outcome is None


_ANOTHER_PERSON = (
    "{by} proposed it, and somebody else must approve it: dropwright config approve {number} --as ANOTHER-LOGIN"
)
_TOO_LATE = {
    "rejected": "proposal {number} was rejected: `dropwright config apply` proposes it anew",
    "outdated": (
        "proposal {number} is outdated: another version was applied after version {base}, which it changes; "
        "`dropwright config apply` proposes it anew"
    ),
}


def read(document: Mapping[str, Any], number: int) -> Configuration:
    """Read a proposal's document. Raises RefusedError where this version of Dropwright can't."""
    try:
        return Configuration.model_validate(document)
    except ValueError:
        raise RefusedError(
            f"proposal {number} does not fit this version of Dropwright: `dropwright config apply` proposes it anew"
        ) from None


def _find(tx: Transaction, number: int) -> Row[Any]:
    query = select(configuration_proposals).where(configuration_proposals.c.id == number).with_for_update()
    if (row := tx.execute(query).one_or_none()) is None:
        raise RefusedError(f"there is no proposal {number}: `dropwright config proposals` lists what waits")
    return row


def _newest(tx: Transaction) -> int | None:
    return tx.execute(select(configurations.c.id).order_by(configurations.c.id.desc()).limit(1)).scalar()


def _became(tx: Transaction, row: Row[Any]) -> int:
    # Not by its digest: a newer Dropwright stores the same configuration with its own new settings.
    version = configurations.c
    later = (version.id > row.base_id, version.applied_at == row.decided_at)
    became: int | None = tx.execute(select(version.id).where(*later).order_by(version.id).limit(1)).scalar()
    return row.base_id if became is None else became


def _decide(tx: Transaction, number: int, outcome: State, by: str, now: datetime) -> None:
    tx.execute(
        update(configuration_proposals)
        .where(configuration_proposals.c.id == number)
        .values(outcome=outcome, decided_by=by, decided_at=now)
    )


def _read(row: Row[Any], newest: int | None) -> Proposal:
    waiting: State = "open" if row.base_id == newest else "outdated"
    return Proposal(
        id=row.id,
        state=row.outcome or waiting,
        rules=row.reasons,
        base=row.base_id,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
