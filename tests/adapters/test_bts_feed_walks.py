"""What BTSWholesaler's lists mean for us: all of it, what changed, what is new, and what moves while we read."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.errors import Refused, Throttled, UnexpectedReply
from adapters.suppliers.btswholesaler.adapter import Btswholesaler, build
from adapters.suppliers.btswholesaler.feeds import Feeds
from models.feeds import FeedKind, FieldName
from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import catalogue
from tests.adapters.loopback import HTTP, Stage, stage
from tests.adapters.test_bts_contract import settings

ARTICLES = 1_700
EANS = [article.ean for article in catalogue(ARTICLES)]
Connect = Callable[..., Btswholesaler]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Stage]:
    with stage() as served:
        yield served


@pytest.fixture
def url(server: Stage) -> str:
    return server.put_on(create_app(articles=ARTICLES))


@pytest.fixture
def port_to() -> Iterator[Connect]:
    ports = []

    def connect(url: str, **changes: Any) -> Btswholesaler:
        port = build(
            settings=settings(url, **({"read_timeout": "5s"} | changes)),
            supplier_id="bts",
            secrets=lambda _name: DEFAULT_TOKEN,
            sink=lambda _call: None,
        )
        ports.append(port)
        return port

    yield connect
    for port in ports:
        port.close()


@pytest.fixture
def bts(url: str, port_to: Connect) -> Btswholesaler:
    return port_to(url)


def post(url: str, path: str, document: Any) -> None:
    HTTP.post(f"{url}/_sandbox/{path}", json=document).raise_for_status()


def calls(url: str) -> dict[str, int]:
    return dict(HTTP.get(f"{url}/_sandbox/ledger").json()["calls"])


def walked(bts: Btswholesaler, kind: FeedKind = FeedKind.STOCK, since: str = "") -> list[dict[str, Any]]:
    return [row for page in bts.fetch_feed(kind, since=since, cursor="") for row in page.rows]


def before(**span: int) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%d %H:%M:%S")


def test_all_of_it_takes_pages_of_five_hundred_and_one_look_at_the_status(bts: Btswholesaler, url: str) -> None:
    assert len(walked(bts)) == ARTICLES
    assert calls(url) == {"getFeedStatus": 1, "getListProducts": 4}


def test_changes_are_the_same_rows_as_in_all_of_it(bts: Btswholesaler, url: str) -> None:
    post(url, "stock", {EANS[60]: 3, EANS[900]: 0})
    post(url, "prices", {EANS[61]: "7.77"})
    for kind in (FeedKind.STOCK, FeedKind.PRICE):
        rows = {row["ean"]: row for row in walked(bts, kind)}
        changed = walked(bts, kind, before(minutes=1))
        assert changed == [rows[EANS[place]] for place in (60, 900, 61)]
        assert [row["stock"] for row in changed][:2] == [3, 0]
        assert changed[2]["price"] == "7.77"


def test_many_changes_come_in_pages_each_article_once(bts: Btswholesaler, url: str) -> None:
    rows = {row["ean"]: row for row in walked(bts)}
    post(url, "stock", {"change": 1_200, "seed": 4})
    post(url, "prices", {"change": 1_200, "seed": 5})
    pages = list(bts.fetch_feed(FeedKind.STOCK, since=before(minutes=1), cursor=""))
    changed = {row["ean"]: row for page in pages for row in page.rows}
    assert len(changed) == sum(len(page.rows) for page in pages) == pages[0].total
    now = {row["ean"]: row for row in walked(bts)}
    assert {ean for ean, row in now.items() if row != rows[ean]} == set(changed)
    assert all(now[ean] == row for ean, row in changed.items())


def test_the_next_run_begins_before_this_one_asked(bts: Btswholesaler, url: str) -> None:
    started = datetime.now(UTC)
    pages = list(bts.fetch_feed(FeedKind.STOCK, since="", cursor=""))
    (since,) = {page.since for page in pages}
    began = datetime.strptime(since, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert timedelta(seconds=115) < started - began < timedelta(seconds=125)
    post(url, "stock", {EANS[70]: 1})
    assert [row["ean"] for row in walked(bts, since=since)] == [EANS[70]]


def test_the_vendors_clock_counts_where_ours_is_wrong() -> None:
    pagination = {"current_page": 1, "page_size": 500, "total_products": 0, "total_pages": 1, "has_next_page": False}

    def answer(_operation: str, _parameters: Any) -> httpx.Response:
        headers = {"Date": "Sat, 21 Nov 2026 09:30:00 GMT"}
        return httpx.Response(200, json={"pagination": pagination, "products": []}, headers=headers)

    (page,) = Feeds(answer, lambda: NOW).pages(FeedKind.STOCK, "2026-11-20 00:00:00", "")
    assert page.since == "2026-11-21 09:28:00"


@pytest.mark.parametrize("since", [30, 400, "the day before yesterday", "2026-11-20"])
@pytest.mark.parametrize("kind", FeedKind)
def test_what_changed_too_long_ago_is_refused_before_asking(
    bts: Btswholesaler, url: str, since: int | str, kind: FeedKind
) -> None:
    since = before(days=since) if isinstance(since, int) else since
    with pytest.raises(Refused) as caught:
        walked(bts, kind, since)
    assert caught.value.code == "since_too_old"
    assert calls(url) == {}


def test_new_articles_are_looked_up_in_the_shape_of_all_of_it(bts: Btswholesaler) -> None:
    rows = {row["ean"]: row for row in walked(bts, FeedKind.CATALOGUE)}
    fresh = walked(bts, FeedKind.CATALOGUE, before(days=9, hours=1))
    expected = [article.ean for article in catalogue(ARTICLES) if article.added_days_ago <= 10]
    assert [row["ean"] for row in fresh] == expected
    assert all(row == rows[row["ean"]] for row in fresh)


def test_descriptions_hold_what_is_unknown_and_nothing_that_changes_by_the_hour(
    port_to: Connect, server: Stage
) -> None:
    article = {"id": 1, "ean": EANS[0], "name": "Linden", "stock": 4, "price": 1.5, "eco_label": ["A"]}
    url = server.put_on(vendor([article]))
    assert walked(port_to(url), FeedKind.CATALOGUE) == [{"id": 1, "ean": EANS[0], "name": "Linden", "eco_label": ["A"]}]
    assert walked(port_to(url), FeedKind.PRICE) == [{"ean": EANS[0], "stock": 4, "price": "1.5"}]


def test_articles_withdrawn_while_we_read_hide_no_other(bts: Btswholesaler, url: str) -> None:
    pages = bts.fetch_feed(FeedKind.STOCK, since="", cursor="")
    rows = [*next(pages).rows, *next(pages).rows]
    post(url, "articles", {"withdraw": EANS[100:400]})
    rows += [row for page in pages for row in page.rows]
    assert [row["ean"] for row in rows] == EANS


def test_articles_withdrawn_between_two_attempts_hide_no_other(bts: Btswholesaler, url: str) -> None:
    first = next(bts.fetch_feed(FeedKind.STOCK, since="", cursor=""))
    post(url, "articles", {"withdraw": EANS[:60]})
    rest = [row for page in bts.fetch_feed(FeedKind.STOCK, since="", cursor=first.next_cursor) for row in page.rows]
    assert {row["ean"] for row in [*first.rows, *rest]} == set(EANS)


def test_articles_that_change_again_while_we_read_hide_no_other(bts: Btswholesaler, url: str) -> None:
    post(url, "stock", dict.fromkeys(EANS[100:1_300], 7))
    pages = bts.fetch_feed(FeedKind.STOCK, since=before(minutes=1), cursor="")
    rows = next(pages).rows
    post(url, "stock", dict.fromkeys(EANS[100:140], 8))
    rows += [row for page in pages for row in page.rows]
    assert sorted(row["ean"] for row in rows) == sorted(EANS[100:1_300])
    assert {row["stock"] for row in rows} == {7}  # their second change is the next run's


def test_two_servers_that_count_differently_do_not_hold_us_for_ever(server: Stage, port_to: Connect) -> None:
    listed = [{"id": place, "ean": f"{place:013d}", "stock": 1} for place in range(1_200)]
    served = iter(range(1_000))

    async def products(request: Request) -> Response:
        page, known = int(request.query_params["page"]), listed[: 1_200 - next(served) % 2]
        pagination = {**PAGINATION, "current_page": page, "total_products": len(known), "total_pages": 3}
        products = known[(page - 1) * 500 : page * 500]
        return JSONResponse({"pagination": {**pagination, "has_next_page": page < 3}, "products": products})

    url = server.put_on(Starlette(routes=[Route("/v1/api/getListProducts", products), _status()]))
    assert len(walked(port_to(url))) >= 1_199
    assert next(served) < 60


def test_a_list_that_counts_wrongly_is_read_three_times_at_most(server: Stage, port_to: Connect) -> None:
    asked: list[str] = []

    async def changes(request: Request) -> Response:
        asked.append(request.query_params["page"])
        pagination = {**PAGINATION, "total_products": 9}
        return JSONResponse({"pagination": pagination, "products": [{"product_sku": "1", "product_stock": 1}]})

    url = server.put_on(Starlette(routes=[Route("/v1/api/getProductChanges", changes)]))
    assert walked(port_to(url), since=before(minutes=1)) == [{"ean": "1", "stock": 1}]
    assert asked == ["1", "1", "1"]


def test_articles_added_while_we_read_repeat_no_other(port_to: Connect, server: Stage) -> None:
    listed = [{"id": place, "ean": f"{place:013d}", "stock": 1} for place in range(900)]
    url = server.put_on(vendor(listed))
    pages = port_to(url).fetch_feed(FeedKind.STOCK, since="", cursor="")
    rows = next(pages).rows
    listed[:0] = [{"id": 5_000 + place, "ean": f"9{place:012d}", "stock": 1} for place in range(40)]
    rows += [row for page in pages for row in page.rows]
    assert [row["ean"] for row in rows] == [f"{place:013d}" for place in range(900)]


def test_two_articles_of_one_code_are_both_told(port_to: Connect, server: Stage) -> None:
    listed = [{"id": 1, "ean": "8411061123456", "stock": 1}, {"id": 2, "ean": "8411061123456", "stock": 7}]
    assert [row["stock"] for row in walked(port_to(server.put_on(vendor(listed))))] == [1, 7]


def test_an_account_without_a_feed_is_refused_by_name(bts: Btswholesaler, url: str) -> None:
    pages = bts.fetch_feed(FeedKind.STOCK, since="", cursor="")
    next(pages)
    post(url, "settings", {"feed_status": "not_available"})
    for walk in (lambda: walked(bts), lambda: list(pages)):
        with pytest.raises(Refused) as caught:
            walk()
        assert caught.value.code == "feed_disabled"


def test_a_stale_feed_is_read_with_a_warning(bts: Btswholesaler, url: str, caplog: pytest.LogCaptureFixture) -> None:
    post(url, "settings", {"feed_status": "stale"})
    assert len(walked(bts)) == ARTICLES
    assert "stale" in caplog.text


PAGINATION = {"current_page": 1, "page_size": 500, "total_products": 1, "total_pages": 1, "has_next_page": False}
GOOD = {"pagination": PAGINATION, "products": [{"ean": "1"}]}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "(whole)"),
        ({"pagination": PAGINATION}, "products"),
        ({"pagination": PAGINATION, "products": {"0": {}}}, "products"),
        ({"pagination": PAGINATION, "products": [{"ean": "1"}, None]}, "products[1]"),
        ({"products": []}, "pagination"),
        ({**GOOD, "pagination": {**PAGINATION, "total_products": -1}}, "pagination.total_products"),
        ({**GOOD, "pagination": {**PAGINATION, "total_products": True}}, "pagination.total_products"),
        ({**GOOD, "pagination": {**PAGINATION, "total_pages": None}}, "pagination.total_pages"),
        ({**GOOD, "pagination": {**PAGINATION, "has_next_page": "no"}}, "pagination.has_next_page"),
        ({**GOOD, "pagination": {**PAGINATION, "has_next_page": True}}, "pagination.has_next_page"),
        ({**GOOD, "pagination": {**PAGINATION, "total_pages": 3}}, "pagination.has_next_page"),
        ({**GOOD, "pagination": {**PAGINATION, "current_page": 2}}, "pagination.current_page"),
        ({**GOOD, "pagination": {**PAGINATION, "total_products": 501}}, "pagination.total_pages"),
        (
            {"products": [], "pagination": {**PAGINATION, "total_pages": 2, "has_next_page": True}},
            "products is empty",
        ),
    ],
)
def test_a_page_of_another_shape_is_refused_and_the_field_named(
    port_to: Connect, server: Stage, document: Any, named: str
) -> None:
    with pytest.raises(UnexpectedReply, match=re.escape(f"getListProducts: {named}")):
        walked(port_to(server.put_on(answering(document))))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"products": [', b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe{"])
def test_a_page_that_is_no_json_is_refused(port_to: Connect, server: Stage, body: bytes) -> None:
    with pytest.raises(UnexpectedReply, match="is no JSON"):
        walked(port_to(server.put_on(answering(body))))


def test_a_page_that_is_not_there_is_no_disabled_feed(port_to: Connect, server: Stage) -> None:
    with pytest.raises(UnexpectedReply) as caught:
        walked(port_to(server.put_on(answering({"error": "not_found"}, 404))))
    assert caught.value.code == "http_404"


@pytest.mark.parametrize("cursor", ["x", "-1//", "1/x/", "²//"])
def test_a_strange_cursor_is_refused(bts: Btswholesaler, cursor: str) -> None:
    with pytest.raises(Refused) as caught:
        bts.fetch_feed(FeedKind.STOCK, since="", cursor=cursor)
    assert caught.value.code == "bad_cursor"


def test_our_own_limit_keeps_us_below_the_vendors(server: Stage, port_to: Connect) -> None:
    limited = {"articles": ARTICLES, "settings": {"per_second": 6}}
    hasty = port_to(server.put_on(create_app(**limited)))
    with pytest.raises(Throttled):
        list(map(walked, [hasty] * 10))
    patient = port_to(server.put_on(create_app(**limited)), calls_per_second=5)
    assert [len(rows) for rows in map(walked, [patient] * 2)] == [ARTICLES] * 2


def test_the_columns_of_each_kind_are_those_of_the_rows(bts: Btswholesaler) -> None:
    assert {kind: {str(field) for field in bts.feed_columns(kind)} for kind in FeedKind} == {
        FeedKind.STOCK: {FieldName.SKU, FieldName.EAN, FieldName.QUANTITY},
        FeedKind.PRICE: {FieldName.SKU, FieldName.EAN, FieldName.UNIT_COST, FieldName.RECOMMENDED_PRICE},
        FeedKind.CATALOGUE: {
            FieldName.SKU,
            FieldName.EAN,
            FieldName.TITLE,
            FieldName.BRAND,
            FieldName.CATEGORY,
            FieldName.DESCRIPTION,
            FieldName.IMAGES,
            "attributes.gender",
        },
    }


def vendor(listed: list[dict[str, Any]]) -> Starlette:
    """A vendor that lists exactly these articles, as they are when it is asked."""

    async def products(request: Request) -> Response:
        page, size = int(request.query_params["page"]), int(request.query_params["page_size"])
        pages = max(1, -(-len(listed) // size))
        pagination = {
            "current_page": page,
            "page_size": size,
            "total_products": len(listed),
            "total_pages": pages,
            "has_next_page": page < pages,
        }
        return JSONResponse({"pagination": pagination, "products": listed[(page - 1) * size : page * size]})

    return Starlette(routes=[Route("/v1/api/getListProducts", products), _status()])


def answering(body: Any, status: int = 200) -> Starlette:
    """A vendor whose list is this, whatever was asked for."""

    async def answer(_request: Request) -> Response:
        content = body if isinstance(body, bytes) else json.dumps(body)
        return Response(content, status, media_type="application/json")

    return Starlette(routes=[Route("/v1/api/getListProducts", answer), _status()])


def _status() -> Route:
    async def status(_request: Request) -> Response:
        return JSONResponse({"status": "use_pagination"})

    return Route("/v1/api/getFeedStatus", status)
