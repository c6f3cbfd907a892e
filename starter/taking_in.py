"""Taking in what came to our own doors: kept and applied in one transaction, and what our code fails on is kept too."""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

from activities import exchange_news
from activities.exchange_news import Partner, Taken
from adapters.database.engine import Database, Transaction, lost_connection
from models.exchange import Incoming, Reading

log = structlog.get_logger(__name__)


def _nothing(_: Transaction) -> None:
    pass


def take_in(
    database: Database,
    partner: Partner,
    incoming: Incoming,
    reading: Reading,
    *,
    first: Callable[[Transaction], None] = _nothing,
) -> Taken:
    """Keep and apply a document that has been read; ``first`` is done before, in the same transaction.

    One that can't be applied is kept aside, and a person is asked. Raises what a database raises that is away.
    """
    try:
        with database.begin() as tx:
            first(tx)
            return exchange_news.take(tx, partner, incoming, lambda _: reading)
    except DBAPIError as error:
        if lost_connection(error):
            raise
        problem = f"unforeseen: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001 - what nobody foresaw must not cost what somebody has told us
        problem = f"unforeseen: {type(error).__name__}"
    log.error("document_set_aside", supplier=partner.supplier, problem=problem)
    aside = Reading(kind=reading.kind, refused=problem)
    with database.begin() as tx:
        first(tx)
        return exchange_news.take(tx, partner, incoming, lambda _: aside)
