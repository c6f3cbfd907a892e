"""Inputs and results of the rounds in which documents are exchanged with a supplier: names and counts, never documents."""

from models.base import Contract, Slug


class ExchangeRequest(Contract):
    """Exchange documents with a supplier, round after round."""

    supplier: Slug


class ExchangeRound(Contract):
    """A round that somebody must hear of. ``untold``: there is news that lifecycles have not heard of.

    ``ended``: no documents are exchanged with this supplier any more.
    """

    picked_up: int = 0
    untold: bool = False
    ended: bool = False


class ExchangeTold(Contract):
    """How many lifecycles heard that there is news, and how many orders had none left."""

    told: int = 0
    without: int = 0
