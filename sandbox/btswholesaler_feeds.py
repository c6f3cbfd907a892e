"""The simulated BTSWholesaler's catalogue calls: pages of products as JSON, XML or CSV, changes, news and stock.

The shapes are the vendor's reference v2.1; the XML element names and the CSV separator are not documented there.
"""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from xml.etree import ElementTree

from starlette.responses import Response

from sandbox.btswholesaler_orders import Books
from sandbox.btswholesaler_shelves import Shelves
from sandbox.catalogue import FORMS, Article, normalised

LANGUAGES = ("es-ES", "en-US", "fr-FR", "it-IT", "de-DE")
PAGE_SIZES = range(50, 501)
DEFAULT_PAGE_SIZE = 200
MOMENT = "%Y-%m-%d %H:%M:%S"
Query = dict[str, str]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Pageable(Protocol[T_co]):
    """Whatever can be counted and cut into pages."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Sequence[T_co]: ...


class BadRequest(Exception):
    """A parameter the vendor would refuse; the message is the error's code."""


class FeedDisabled(BadRequest):
    """The account has no feed: the vendor answers 404."""


def reply(document: Any, status: int = 200) -> Response:
    """Answer JSON; amounts are JSON numbers, as the vendor's are."""
    return Response(json.dumps(document, default=float), status, media_type="application/json")


def list_products(books: Books, query: Query) -> Response:
    """getListProducts: a page of the catalogue, filtered, in one of three formats."""
    if books.settings.feed_status == "not_available":
        raise FeedDisabled("feed_disabled")
    page, pagination = _page(_filtered(books, query), query)
    products = [product(books, article) for article in page]
    match query.get("format_file", "json"):
        case "json":
            return reply({"pagination": pagination, "products": products})
        case "xml":
            return Response(_xml(products), media_type="application/xml")
        case "csv":
            return Response(_csv(products), media_type="text/csv")
    raise BadRequest("format_file_error")


def _filtered(books: Books, query: Query) -> Shelves | list[Article]:
    categories = {part for part in query.get("category_ids", "").split(",") if part}
    makers = {part.strip().upper() for part in query.get("manufacturer_names", "").split(",") if part}
    if not categories and not makers:
        return books.shelves
    return [
        article
        for article in books.shelves
        if (not categories or categories & set(article.categories.split("/")))
        and (not makers or article.brand.upper() in makers)
    ]


def get_products(books: Books, codes: Sequence[str]) -> Response:
    """getProducts: up to 25 articles in detail; unknown ones are left out."""
    if not 1 <= len(codes) <= 25:
        raise BadRequest("product_sku_error")
    found = [article for code in codes if (article := books.shelves.find(normalised(code))) is not None]
    return reply(
        [
            product(books, article)
            | {
                "leadtime_to_ship": "24",
                "flammable": "Eau" in article.name,
                "restricted_countries": article.restricted_countries,
            }
            for article in found
        ]
    )


def product_stock(books: Books, codes: Sequence[str]) -> Response:
    """getProductStock: up to 100 articles, keyed as they were asked for."""
    if not 1 <= len(codes) <= 100:
        raise BadRequest("product_sku_error")
    products = {code: _stock(books, code) for code in codes}
    return reply(
        {
            "requested_skus": len(codes),
            "found_skus": sum(entry["availability"] != "not_found" for entry in products.values()),
            "timestamp": moment(books.clock()),
            "products": products,
        }
    )


def product_changes(books: Books, query: Query) -> Response:
    """getProductChanges: what changed since an instant, at most 30 days back."""
    since = _read_moment(query.get("since", ""))
    now = datetime.fromtimestamp(books.clock(), UTC)
    if now - since > timedelta(days=31):
        raise BadRequest("since_error")
    page, pagination = _page(books.shelves.changed_since(since.timestamp()), query)
    products = [_brief(books, _known(books, code)) | {"last_modified": moment(at)} for code, at in page]
    return reply({"query": {"since": since.strftime(MOMENT)}, "pagination": pagination, "products": products})


def new_products(books: Books, query: Query) -> Response:
    """getNewProducts: what joined the catalogue in the last 1 to 30 days."""
    days = number(query, "days", 7, range(1, 31))
    since = books.clock() - days * 86_400
    page, pagination = _page(books.shelves.news(days), query)
    products = [
        _brief(books, article)
        | {
            "published_date": moment(books.clock() - article.added_days_ago * 86_400),
            "product_name": article.name,
            "manufacturer_name": article.brand,
        }
        for article in (_known(books, code) for code in page)
    ]
    return reply({"query": {"days": days, "since": moment(since)}, "pagination": pagination, "products": products})


def feed_status(books: Books) -> Response:
    """getFeedStatus: as the settings say."""
    status = books.settings.feed_status
    exists = status in ("use_pagination", "available", "stale")
    return reply(
        {
            "status": status,
            "message": "Use getListProducts with pagination parameters (page, page_size).",
            "recommended_page_size": DEFAULT_PAGE_SIZE,
            "cached_file_exists": exists,
            "cached_file_age_minutes": (2_000 if status == "stale" else 45) if exists else None,
        }
    )


def categories() -> Response:
    """getListCategories: one root and a branch for each form of product."""
    branches = [{"id": 15 + place, "name": form, "parent_id": 1} for place, form in enumerate(FORMS)]
    return reply([{"id": 1, "name": "Perfumes", "parent_id": 0}, *branches])


def product(books: Books, article: Article) -> dict[str, Any]:
    """Write an article as the vendor's product."""
    return {
        "id": article.id,
        "ean": article.ean,
        "categories": article.categories,
        "manufacturer": article.brand,
        "name": article.name,
        "description": f"{article.name} by {article.brand}",
        "recommended_price": article.recommended_price,
        "price": article.price,
        "stock": books.shelves.stock(article),
        "image": f"https://cdn.example.invalid/images/{article.id}.jpg",
        "delivery": 24,
        "gender": "unisex",
    }


def moment(seconds: float) -> str:
    """Write an instant as the vendor does, without a time zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime(MOMENT)


def number(query: Query, name: str, default: int, allowed: range) -> int:
    """Read a whole number within limits."""
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) not in allowed:
        raise BadRequest(f"{name}_error")
    return int(text)


def _page(found: Pageable[T], query: Query) -> tuple[Sequence[T], dict[str, Any]]:
    if query.get("language_code", LANGUAGES[0]) not in LANGUAGES:
        raise BadRequest("language_code_error")
    size = number(query, "page_size", DEFAULT_PAGE_SIZE, PAGE_SIZES)
    current = number(query, "page", 1, range(1, 1_000_000))
    pages = max(1, -(-len(found) // size))
    pagination = {
        "current_page": current,
        "page_size": size,
        "total_products": len(found),
        "total_pages": pages,
        "has_next_page": current < pages,
        "has_previous_page": current > 1,
    }
    return found[(current - 1) * size : current * size], pagination


def _stock(books: Books, code: str) -> dict[str, Any]:
    article = books.shelves.find(normalised(code))
    if article is None:
        return {"stock": 0, "price": None, "availability": "not_found", "last_updated": None}
    quantity = books.shelves.stock(article)
    changed_at = books.shelves.changed_at(normalised(code)) or books.clock() - 3_600
    return {
        "stock": quantity,
        "price": article.price,
        "availability": "in_stock" if quantity > 0 else "out_of_stock",
        "last_updated": moment(changed_at),
    }


def _known(books: Books, code: str) -> Article:
    article = books.shelves.find(code)
    assert article is not None
    return article


def _brief(books: Books, article: Article) -> dict[str, Any]:
    return {
        "id": article.id,
        "product_sku": article.ean,
        "product_price": article.price,
        "product_stock": books.shelves.stock(article),
        "recommended_price": article.recommended_price,
    }


def _read_moment(text: str) -> datetime:
    for form in (MOMENT, "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise BadRequest("since_error")


def _xml(products: list[dict[str, Any]]) -> str:
    root = ElementTree.Element("products")
    for entry in products:
        element = ElementTree.SubElement(root, "product")
        for name, value in entry.items():
            ElementTree.SubElement(element, name).text = str(value)
    return str(ElementTree.tostring(root, encoding="unicode", xml_declaration=True))


def _csv(products: list[dict[str, Any]]) -> str:
    sheet = io.StringIO()
    if products:
        writer = csv.DictWriter(sheet, fieldnames=list(products[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(products)
    return sheet.getvalue()
