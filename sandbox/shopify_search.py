"""The search syntax of Shopify's list queries, as far as orders need it: terms, AND, OR and parentheses.

``financial_status:paid updated_at:>='2026-11-20T10:00:00Z'``: terms beside each other mean AND.
"""

import re
from collections.abc import Callable
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any

Filter = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(r"""\s*(\(|\)|AND\b|OR\b|(?P<field>\w+):(?P<op>>=|<=|>|<|)(?P<value>'[^']*'|"[^"]*"|[^\s()]+))""")
_COMPARISONS = {">=": ge, "<=": le, ">": gt, "<": lt}
_TIMES = {"updated_at", "created_at", "processed_at"}


def order_filter(query: str | None) -> Filter:
    """Turn a search into a test on an order's REST body. Raises ValueError for what is not understood."""
    tokens = _tokens(query or "")
    found = _any_of(tokens) if tokens else lambda _body: True
    if tokens:
        raise ValueError(f"unexpected {tokens[0][0]!r} in search")
    return found


def _tokens(query: str) -> list[re.Match[str]]:
    tokens, position = [], 0
    while query[position:].strip():
        token = _TOKEN.match(query, position)
        if token is None:
            raise ValueError("search not understood")
        tokens.append(token)
        position = token.end()
    return tokens


def _any_of(tokens: list[re.Match[str]]) -> Filter:
    options = [_all_of(tokens)]
    while tokens and tokens[0][1] == "OR":
        tokens.pop(0)
        options.append(_all_of(tokens))
    return lambda body: any(option(body) for option in options)


def _all_of(tokens: list[re.Match[str]]) -> Filter:
    terms = [_term(tokens)]
    while tokens and tokens[0][1] not in ("OR", ")"):
        if tokens[0][1] == "AND":
            tokens.pop(0)
        terms.append(_term(tokens))
    return lambda body: all(term(body) for term in terms)


def _term(tokens: list[re.Match[str]]) -> Filter:
    if not tokens:
        raise ValueError("search ends too early")
    token = tokens.pop(0)
    if token[1] == "(":
        inner = _any_of(tokens)
        if not tokens or tokens.pop(0)[1] != ")":
            raise ValueError("search lacks a closing parenthesis")
        return inner
    if token["field"] is None:
        raise ValueError(f"unexpected {token[1]!r} in search")
    return _comparison(token["field"], token["op"], token["value"].strip("'\""))


def _comparison(field: str, operator: str, value: str) -> Filter:
    if field in _TIMES:
        moment, compare = datetime.fromisoformat(value), _COMPARISONS[operator or ">="]
        return lambda body: bool(compare(datetime.fromisoformat(body[field]), moment))
    return lambda body: str(body.get(field)).lower() in value.lower().split(",")
