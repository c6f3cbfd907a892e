"""What may be sold of the suppliers' stock: what is kept back, what bundles are made of, what may stand in for what."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from models import name_faults
from models.articles import normalise_ean
from models.base import Interval, Slug, StrictContract
from models.faults import refuse

# An EAN or another article code; however it is written, it is kept as everywhere else.
Article = Annotated[
    str,
    BeforeValidator(lambda raw: normalise_ean(raw) if isinstance(raw, str) else raw),
    StringConstraints(pattern=r"^[A-Z0-9._/]{1,40}$"),
]
Units = Annotated[int, Field(ge=0, le=1_000_000)]
Parts = dict[Article, Annotated[int, Field(ge=1, le=1_000)]]


class Buffer(StrictContract):
    """Units that are kept back from every offer that fits: neither shown, nor ordered. An empty list fits everything."""

    suppliers: tuple[Slug, ...] = ()
    articles: tuple[Article, ...] = ()
    categories: tuple[str, ...] = ()
    units: Units = 0
    share: float = Field(default=0.0, ge=0, lt=1)  # of the offer's quantity, rounded up

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if not self.units and not self.share:
            raise ValueError("units or share: say how much is kept back")
        return self


class Stock(StrictContract):
    """Rules that hold for selling and for ordering alike. Of several buffers that fit an offer, the largest counts."""

    buffers: tuple[Buffer, ...] = ()
    bundles: dict[Article, Parts] = Field(default_factory=dict)  # article -> what one of it is made of
    substitutes: dict[Article, tuple[Article, ...]] = Field(
        default_factory=dict
    )  # article -> what may stand in, best first
    reservations_kept: Interval = timedelta(days=7)  # of an order that nobody works on any more

    @model_validator(mode="after")
    def _ends_somewhere(self) -> Self:
        refuse("Stock", name_faults.of_stock(self))
        return self

    def parts_of(self, article: str) -> Mapping[str, int]:
        """Say what one unit is made of, bundles within bundles taken apart; an article that is no bundle is itself."""
        if article not in self.bundles:
            return {article: 1}
        parts: dict[str, int] = {}
        for part, times in self.bundles[article].items():
            for leaf, count in self.parts_of(part).items():
                parts[leaf] = parts.get(leaf, 0) + times * count
        return parts


def find_circle(graph: Mapping[str, object]) -> list[str]:
    """Find a path that leads back to its beginning, beginning and end included; [] where there is none."""
    done: set[str] = set()
    for start in graph:
        if found := _walk(graph, start, [], done):
            return found
    return []


def _walk(graph: Mapping[str, object], node: str, path: list[str], done: set[str]) -> list[str]:
    if node in path:
        return [*path[path.index(node) :], node]
    if node in done:
        return []
    for following in _next(graph, node):
        if found := _walk(graph, following, [*path, node], done):
            return found
    done.add(node)
    return []


def _next(graph: Mapping[str, object], node: str) -> Iterator[str]:
    following = graph.get(node, ())
    yield from following if isinstance(following, (dict, tuple, list)) else ()
