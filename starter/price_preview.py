"""What price rules make of a whole catalogue, compared with other rules or with what the shop shows. Nothing is written."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from heapq import heappush, heappushpop

from activities import shelves
from adapters.database import listings, pricing
from adapters.database.engine import Database, Transaction
from adapters.database.pricing import Article
from models.configuration import Configuration
from models.prices import PriceBook, PriceDecision, PricedProduct, margin_of
from models.selling import PoolOffer, SellingRules
from workflows.decisions.pricing import price_with
from workflows.decisions.selling import first_choice

Priced = tuple[Article, Sequence[PoolOffer]]
BATCH = 5_000
NO_OFFER = "no_offer"  # no supplier has it, or has confirmed it lately


@dataclass(frozen=True, slots=True)
class Move:
    """An article's price under both sets of rules. A null price leaves what the shop shows."""

    sku: str
    ean: str
    title: str
    supplier: str
    before: Decimal
    after: Decimal
    share: Decimal  # 0.1 is 10 % up
    rule: str
    margin: Decimal | None


@dataclass
class Tally:
    """Counts over a catalogue, and its largest moves. The margins are those of one piece of each."""

    most_moves: int
    articles: int = 0
    up: int = 0
    down: int = 0
    unchanged: int = 0
    new: int = 0  # a price where there was none
    without: Counter[str] = field(default_factory=Counter)  # no price, by reason
    rules: Counter[str] = field(default_factory=Counter)  # by the rule that decides
    _moves: list[tuple[Decimal, int, Move]] = field(default_factory=list)
    _before: list[Decimal] = field(default_factory=lambda: [Decimal(0), Decimal(0)])  # untaxed prices, costs
    _after: list[Decimal] = field(default_factory=lambda: [Decimal(0), Decimal(0)])

    def count(self, article: Article, offer: PoolOffer | None, before: Decimal | None, after: PriceDecision) -> None:
        """Take in one article."""
        self.articles += 1
        if after.price is None:
            reason = after.reasons[-1].value if offer is not None else NO_OFFER
            self.without[reason] += 1
            return
        self.rules[after.rule] += 1
        self._weigh(before, after)
        if before is None:
            self.new += 1
        elif before == after.price:
            self.unchanged += 1
        else:
            self.up += after.price > before
            self.down += after.price < before
            self._keep(article, offer, before, after)

    def _weigh(self, before: Decimal | None, after: PriceDecision) -> None:
        """Margins are compared over what has a price on both sides."""
        if before is None or after.price is None or after.cost is None:
            return
        for price, sums in ((before, self._before), (after.price, self._after)):
            sums[0] += price / after.taxed
            sums[1] += after.cost

    def _keep(self, article: Article, offer: PoolOffer | None, before: Decimal, after: PriceDecision) -> None:
        price = after.price or Decimal(0)
        share = price / before - 1 if before else Decimal(1)
        if len(self._moves) >= self.most_moves and (not self._moves or abs(share) <= self._moves[0][0]):
            return
        supplier = offer.supplier if offer else ""
        move = Move(article.sku, article.ean, article.title, supplier, before, price, share, after.rule, after.margin)
        entry = (abs(share), -self.articles, move)
        if len(self._moves) < self.most_moves:
            heappush(self._moves, entry)
        else:
            heappushpop(self._moves, entry)

    @property
    def moves(self) -> list[Move]:
        """The largest moves, the largest first."""
        return [move for _, _, move in sorted(self._moves, reverse=True)]

    @property
    def margin_before(self) -> Decimal | None:
        """Margin before, over what has a price on both sides."""
        return margin_of(self._before[0], self._before[1], Decimal(1))

    @property
    def margin_after(self) -> Decimal | None:
        """Margin after, over what has a price on both sides."""
        return margin_of(self._after[0], self._after[1], Decimal(1))


@dataclass(frozen=True)
class Shelf:
    """A channel's catalogue: where to read it, and whose offers count."""

    database: Database
    channel: str
    rules: SellingRules
    fresh_since: Mapping[str, datetime]  # per supplier
    listed: bool  # False: nothing is known of the shop, and all that suppliers offer stands for it
    total: int

    def walk(self) -> Iterator[list[Priced]]:
        """Read every article with its offers, batch by batch, each in a short transaction and while one is priced."""
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = reader.submit(self._batch, "")
            while batch := coming.result():
                coming = reader.submit(self._batch, batch[-1][0].key)
                yield batch

    def _batch(self, after: str) -> list[Priced]:
        with self.database.begin() as tx:
            articles = self._page(tx, after)
            pools = self.pools(tx, articles) if articles else {}
        return [(article, pools.get(article.ean, ())) for article in articles]

    def pools(self, tx: Transaction, articles: Sequence[Article]) -> dict[str, list[PoolOffer]]:
        """Read the offers behind these articles, as publication does."""
        eans = [article.ean for article in articles if article.ean]
        return dict(listings.pools(tx, eans, self.fresh_since))

    def _page(self, tx: Transaction, after: str) -> list[Article]:
        if self.listed:
            return pricing.listed(tx, self.channel, after=after, limit=BATCH)
        return pricing.offered(tx, after=after, limit=BATCH)


def open_shelf(database: Database, configuration: Configuration, channel: str, now: datetime) -> Shelf:
    """Find a channel's catalogue; what suppliers offer where nothing is known of the shop."""
    with database.begin() as tx:
        known = pricing.count_listings(tx, channel)
        total = known or pricing.count_offered(tx)
    rules = SellingRules(priority=tuple(shelves.enabled(configuration)), today=now.date())
    return Shelf(database, channel, rules, shelves.fresh_since(configuration, channel, now), bool(known), total)


def preview(
    shelf: Shelf,
    before: PriceBook | None,
    after: PriceBook,
    *,
    rule: str | None,
    most_moves: int,
    advance: Callable[[int], object],
) -> Tally:
    """Price a whole catalogue. Without ``before`` it is compared with what the shop shows.

    ``rule`` counts only what that rule decides, before or after. ``advance`` is told how many articles are done.
    """
    tally = Tally(most_moves)
    for batch in shelf.walk():
        for article, offers in batch:
            offer = deciding_offer(offers, shelf.rules, after)
            product = priced_product(article, offer)
            now = price_with(product, after)
            then = price_with(product, before) if before is not None else None
            if rule is None or rule in (now.rule, then.rule if then else None):
                tally.count(article, offer, article.shown if before is None else then.price if then else None, now)
        advance(len(batch))
    return tally


def deciding_offer(offers: Sequence[PoolOffer], rules: SellingRules, book: PriceBook) -> PoolOffer | None:
    """Find the offer whose cost makes the price; where none has a cost that counts, one to say why of."""
    return first_choice(offers, rules, book) or next((one for one in offers if _counts(one, rules)), None)


def _counts(offer: PoolOffer, rules: SellingRules) -> bool:
    return offer.usable and offer.supplier in rules.priority


def priced_product(article: Article, offer: PoolOffer | None) -> PricedProduct:
    """Say what an article's price is made of; without an offer it has no cost."""
    if offer is None:
        return PricedProduct(article.sku, article.ean, "", "", None, "")
    return PricedProduct(
        sku=article.sku,
        ean=article.ean,
        brand=offer.brand,
        category=offer.category,
        cost=offer.money(offer.unit_cost),
        supplier=offer.supplier,
        recommended=offer.money(offer.recommended_price),
        map_price=offer.money(offer.map_price),
    )
