"""Replaying stored orders under two configurations: pages of orders, spread over processes where there are many."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context, parent_process

from adapters.database import rehearsing, scorecards
from adapters.database.engine import Database
from adapters.database.rehearsing import PastOffer, PastOrder
from models.configuration import Configuration
from models.rehearsal import Replayed, Tally
from starter.console import CommandFailedError
from starter.rehearsal.facts import RateBook, answer, outcome, question, wanted_articles
from workflows.decisions import planning_facts
from workflows.decisions.rehearsal import FOUR_PLACES, converted, nobody_had
from workflows.decisions.rehearsal_figures import add, changes_between, take_in

PAGE = 250  # orders read at once, and what is still finished after Ctrl-C
ALONE = 600  # so many orders are done before a second process has loaded its code
Advance = Callable[[int], object]


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed: which orders, and under which two configurations."""

    before: Configuration
    after: Configuration
    since: datetime
    until: datetime
    channel: str | None = None
    most: int | None = None  # the newest, where there are more

    @property
    def currency(self) -> str:
        """Name the currency of every amount that is reported: the new side's."""
        return self.after.routing.currency


class Stage:
    """Replays pages of orders. Holds what every order needs: rates, scorecards and the rules' differences."""

    def __init__(self, database: Database, rehearsal: Rehearsal) -> None:
        """Read the small tables."""
        self._database = database
        self._sides = (rehearsal.before, rehearsal.after)
        self._suppliers = list(dict.fromkeys(name for side in self._sides for name in side.routing.priority))
        self._changes = changes_between(rehearsal.before, rehearsal.after)
        with database.begin() as tx:
            # Orders are planned some time after they were placed, up to now.
            self._rates = RateBook(rehearsing.rates(tx, rehearsal.since, rehearsal.until + timedelta(days=1)))
            self._scores = scorecards.read(tx)

    def page(self, ids: Sequence[int]) -> Tally:
        """Replay these orders."""
        with self._database.begin() as tx:
            orders = rehearsing.read(tx, ids)
            wanted = {order.id: (order.at, wanted_articles(order, self._sides)) for order in orders}
            offers = rehearsing.offers_then(tx, wanted, self._suppliers)
        tally = Tally()
        for order in orders:
            self._take_in(tally, order, offers.get(order.id, []))
        return tally

    def _take_in(self, tally: Tally, order: PastOrder, offers: Sequence[PastOffer]) -> None:
        rates = self._rates.of(order.at)
        old, new = (question(order, offers, side, rates, self._scores) for side in self._sides)
        plan = answer(old, order.at)
        # Asked once where both sides ask the same: it is faster, and a plan that was cut off by the clock is no change.
        plans = plan, plan if old == new else answer(new, order.at)
        before, after = (outcome(order, asked, plan) for asked, plan in zip((old, new), plans, strict=True))
        own, reported = (side.routing.currency for side in self._sides)
        if own != reported:
            before = converted(before, planning_facts.conversion(rates, own, reported))
        rate = planning_facts.conversion(rates, order.currency, reported)
        value = None if rate is None else (planning_facts.value_of(order) * rate).quantize(FOUR_PLACES)
        replayed = Replayed(order.id, order.name, order.channel, order.placed_at, value, before, after)
        take_in(tally, replayed, self._changes, lines=len(order.lines), unheard_of=nobody_had(plan))


def orders_of(database: Database, rehearsal: Rehearsal) -> list[int]:
    """List the orders that are rehearsed, the oldest first."""
    with database.begin() as tx:
        return rehearsing.in_window(
            tx, rehearsal.since, rehearsal.until, channel=rehearsal.channel, most=rehearsal.most
        )


def rehearse(
    database: Database,
    rehearsal: Rehearsal,
    ids: Sequence[int],
    *,
    workers: int,
    advance: Advance = lambda _: None,
) -> Tally:
    """Replay orders under both configurations. ``advance`` is told how many more are done. Nothing is written."""
    tally, pages = Tally(), _pages(ids)
    many = workers > 1 and len(ids) > ALONE
    done = _in_processes(database, rehearsal, pages, workers) if many else _here(database, rehearsal, pages)
    with closing(done):  # also where Ctrl-C comes while a part is added: processes end before this does
        for part in done:
            add(tally, part)
            advance(part.orders)
    return tally


def default_workers() -> int:
    """Say how many processes rehearse: one for each processor that may be used, eight at most."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(8, usable or 1)


def _pages(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]


def _here(database: Database, rehearsal: Rehearsal, pages: Sequence[Sequence[int]]) -> Generator[Tally]:
    if pages:
        stage = Stage(database, rehearsal)
        yield from map(stage.page, pages)


def _in_processes(
    database: Database, rehearsal: Rehearsal, pages: Sequence[Sequence[int]], workers: int
) -> Generator[Tally]:
    """Hand pages out, two for each process, so that little is under way when somebody presses Ctrl-C."""
    url = database.engine.url.render_as_string(hide_password=False)
    pool = ProcessPoolExecutor(
        min(workers, len(pages)), mp_context=get_context("spawn"), initializer=_set_up, initargs=(url, rehearsal)
    )
    left = iter(pages)
    try:
        running: set[Future[Tally]] = {pool.submit(_page, page) for page in islice(left, 2 * workers)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(_page, page) for page in islice(left, len(done))}
            yield from (future.result() for future in done)
    except BrokenProcessPool:
        raise CommandFailedError("a rehearsing process died, for want of memory? Try --workers 1") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_stage: list[Stage] = []  # of this process, where it is one that rehearses


def _set_up(url: str, rehearsal: Rehearsal) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who is asked to stop lets this process finish its page
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _stage.append(Stage(Database(url, pool_size=1), rehearsal))


def _leave_with_parent() -> None:
    """A killed parent tells nobody: its workers would wait for pages for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _page(ids: Sequence[int]) -> Tally:
    return _stage[0].page(ids)
