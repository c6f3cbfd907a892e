"""The simulated BTSWholesaler's shelves: what it offers now, of which price, and since when that is so.

Only what was changed is kept; everything else is as the world's catalogue makes it. A change of a hundred thousand
articles is one line of the journal, because a seed says which ones and how.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sandbox.catalogue import NAMED_COUNT, Article, Assortment

MOST_STOCK = 500


class Shelves:
    """Stock and prices over an assortment. Codes are normalised. Raises KeyError for an article that nobody has."""

    def __init__(self, assortment: Assortment) -> None:
        self._assortment = assortment
        self._stock: dict[str, int] = {}
        self._prices: dict[str, Decimal] = {}
        self._changed_at: dict[str, float] = {}  # in the order of the changes
        self._withdrawn: set[str] = set()
        self._places: list[int] | None = None  # of what is listed, once something was withdrawn
        self._changes: tuple[float, list[tuple[str, float]]] | None = None  # asked for page by page
        self._news: dict[int, list[str]] = {}

    def find(self, code: str) -> Article | None:
        """Find an article as it is offered now."""
        place = self._assortment.place(code)
        return None if place is None or code in self._withdrawn else self._priced(self._assortment.at(place))

    def stock(self, article: Article) -> int:
        """Say how many pieces there are."""
        return self._stock.get(article.ean, article.stock)

    def changed_at(self, code: str) -> float | None:
        """Say when stock or price last changed; None: never."""
        return self._changed_at.get(code)

    def __len__(self) -> int:
        return len(self._assortment) if self._places is None else len(self._places)

    def __getitem__(self, part: slice) -> list[Article]:
        places = range(len(self._assortment))[part] if self._places is None else self._places[part]
        return [self._priced(self._assortment.at(place)) for place in places]

    def __iter__(self) -> Iterator[Article]:
        for start in range(0, len(self), 1_000):
            yield from self[start : start + 1_000]

    def changed_since(self, moment: float) -> list[tuple[str, float]]:
        """List what changed since then with when, the latest last."""
        if self._changes is None or self._changes[0] != moment:
            found = []
            for code in reversed(self._changed_at):
                if self._changed_at[code] < moment:
                    break
                found.append((code, self._changed_at[code]))
            self._changes = (moment, found[::-1])
        return self._changes[1]

    def news(self, days: int) -> list[str]:
        """List what joined the assortment in the last days."""
        if days not in self._news:
            self._news[days] = [article.ean for article in self if article.added_days_ago <= days]
        return self._news[days]

    def set_stock(self, code: str, quantity: int, at: float) -> None:
        """Put so many pieces on the shelf."""
        self._stock[self._known(code)] = quantity
        self._note(code, at)

    def set_price(self, code: str, price: Decimal, at: float) -> None:
        """Mark an article with another price."""
        self._prices[self._known(code)] = price
        self._note(code, at)

    def withdraw(self, code: str) -> None:
        """Offer an article no more: it is in no list from now on, and nobody knows it."""
        self._withdrawn.add(self._known(code))
        self._changed_at.pop(code, None)
        self._changes, self._news = None, {}
        gone = {self._assortment.place(code) for code in self._withdrawn}
        self._places = [place for place in range(len(self._assortment)) if place not in gone]

    def change(self, document: Mapping[str, Any], at: float) -> None:
        """Change many at once: ``{"what": "stock" | "price", "change": how many, "seed": which and how}``.

        The named articles stay as they are wherever there are enough others: people buy them.
        """
        chance = random.Random(f"{document['what']}:{document['seed']}")
        count, wanted = len(self._assortment), int(document["change"])
        first = NAMED_COUNT if count - NAMED_COUNT >= wanted else 0
        for place in chance.sample(range(first, count), wanted):
            article = self._priced(self._assortment.at(place))
            if article.ean in self._withdrawn:
                continue
            if document["what"] == "stock":
                self._stock[article.ean] = (self.stock(article) + chance.randrange(1, MOST_STOCK)) % MOST_STOCK
            else:
                self._prices[article.ean] = article.price + chance.choice((-1, 1)) * max(
                    round(article.price / chance.randrange(10, 40), 2), Decimal("0.01")
                )
            self._note(article.ean, at)

    def _priced(self, article: Article) -> Article:
        price = self._prices.get(article.ean)
        return article if price is None else replace(article, price=price)

    def _known(self, code: str) -> str:
        if self.find(code) is None:
            raise KeyError(code)
        return code

    def _note(self, code: str, at: float) -> None:
        self._changed_at.pop(code, None)
        self._changed_at[code] = at
        self._changes = None
