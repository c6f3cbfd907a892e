"""The one statement that applies a batch of a feed, composed from the fields that the feed owns.

No word is taken for newer than the run that brought it: a supplier's clock that is ahead would fence off all others.

Its names: ``told`` are the staged rows of the batch, ``s`` one of them, ``o`` its offer as it stands. Stock and costs
have their own times: a nightly price list must not be held off by a stock that is told of every quarter of an hour.

Offers are looked up one by one, in a LATERAL that can't be merged into the rest, and written by their place in the
table, where nobody can move them while they are locked: of a table that was empty a minute ago the planner believes
that it still is, and would go through all of it for each row.
"""

from collections.abc import Iterable, Sequence

from models.feeds import Absent

STOCK = ("quantity", "lead_days", "available_on", "discontinued")
COSTS = ("unit_cost", "currency", "recommended_price", "map_price")
OTHERS = ("minimum", "pack", "restricted_countries")
DESCRIPTIVE = ("title", "brand", "category", "description", "images", "attributes")

_STOCK_IS_NEWER = "o.observed_at <= s.at"
_COSTS_ARE_NEWER = "NOT s.absent AND coalesce(o.cost_observed_at, :never) <= s.at"
# A cost of 0 where none is known says nothing; where one is known it has been held, or a person accepted it.
_NO_COST = "s.cost_kept OR s.unit_cost IS NULL OR (s.unit_cost = 0 AND coalesce(o.unit_cost, 0) = 0)"

_TOLD = """told AS MATERIALIZED (
    SELECT s.*, least(coalesce(s.observed_at, CAST(:at AS timestamptz)), CAST(:begun AS timestamptz)) AS at,
        m.supplier_sku IS NOT NULL AS matched, m.ean AS matched_ean,
        o.place, o.observed_at AS stock_at, o.cost_observed_at AS costs_at
    FROM feed_staged s
    LEFT JOIN LATERAL (
        SELECT ctid AS place, observed_at, cost_observed_at FROM offers o
        WHERE o.supplier = :supplier AND o.sku = s.sku LIMIT 1
    ) o ON true
    LEFT JOIN LATERAL (
        SELECT supplier_sku, ean FROM matches m WHERE m.supplier = :supplier AND m.supplier_sku = s.sku LIMIT 1
    ) m ON true
    WHERE s.run_id = :run AND s.sku > :after AND s.sku <= :upto ORDER BY s.sku
)"""
_HISTORY = """history AS (
    INSERT INTO offer_changes (supplier, sku, until, quantity, unit_cost, currency, discontinued, source)
    SELECT :supplier, sku, at, quantity, unit_cost, currency, discontinued, :source FROM updated WHERE remembered
)"""
_WANTED = "wanted AS MATERIALIZED (SELECT s.* FROM told s WHERE s.place IS NULL AND NOT s.absent)"
# An order was planned before any feed told of the article: the supplier's answer stands under the EAN itself.
_PLACEHOLDERS = """placeholders AS (
    DELETE FROM offers p USING inserted i
    WHERE p.supplier = :supplier AND p.sku = i.ean AND p.sku <> i.sku
        AND NOT EXISTS (SELECT 1 FROM feed_rows f WHERE f.supplier = p.supplier AND f.sku = p.sku)
        AND NOT EXISTS (SELECT 1 FROM feed_staged s WHERE s.run_id = :run AND s.sku = p.sku)
)"""
# A row that was not taken, because its offer was heard of later, must not pass for read when the same bytes come again.
_HASHES = """hashes AS (
    INSERT INTO feed_rows (supplier, feed, sku, hash)
    SELECT :supplier, :feed, s.sku,
        CASE WHEN s.place IS NULL OR ({current}) THEN s.hash ELSE CAST(:forgotten AS bigint) END
    FROM told s WHERE NOT s.absent
    ON CONFLICT (supplier, feed, sku) DO UPDATE SET hash = excluded.hash WHERE feed_rows.hash <> excluded.hash
)"""
_DEPARTED = """departed AS (
    DELETE FROM feed_rows f USING told s
    WHERE f.supplier = :supplier AND f.feed = :feed AND f.sku = s.sku AND s.absent
        AND (s.place IS NULL OR s.stock_at <= s.at)
), overheard AS (
    UPDATE feed_rows f SET hash = :forgotten FROM told s
    WHERE f.supplier = :supplier AND f.feed = :feed AND f.sku = s.sku AND s.absent AND s.stock_at > s.at
        AND f.hash <> :forgotten
)"""
_FORGOTTEN_HERE = """forgotten_here AS (
    UPDATE feed_rows f SET hash = :forgotten FROM told s
    WHERE f.supplier = :supplier AND f.feed = :feed AND f.sku = s.sku AND f.hash <> :forgotten
)"""
_FORGOTTEN_THERE = """forgotten_there AS (
    UPDATE feed_rows f SET hash = :forgotten FROM updated u
    WHERE f.supplier = :supplier AND f.feed = ANY(CAST(:rivals AS text[])) AND f.sku = u.sku AND f.hash <> :forgotten
)"""
# Listings are marked also where they are marked already: whoever publishes them now has read what was there before.
_DIRTY = """shown AS MATERIALIZED (
    SELECT l.channel, l.variant_id FROM listings l WHERE l.ean IN ({touched})
    ORDER BY l.channel, l.variant_id FOR UPDATE OF l
), dirty AS (
    UPDATE listings l SET dirty_since = clock_timestamp() FROM shown
    WHERE l.channel = shown.channel AND l.variant_id = shown.variant_id RETURNING 1
)"""


def compose(owned: frozenset[str], *, absent: Absent, rivals: bool, known_only: bool) -> str:
    """Write the statement. ``known_only``: no new article, no description, and no row counts as read.

    It answers with one row: offers ``updated``, ``inserted`` and ``wanted`` to be inserted, and listings now ``dirty``.
    """
    described = [] if known_only else [name for name in DESCRIPTIVE if _owns(owned, name)]
    parts = [_TOLD, _updated(owned, absent), _HISTORY]
    if known_only:
        parts.append(_FORGOTTEN_HERE)
    else:
        parts += [_WANTED, _inserted(owned), _PLACEHOLDERS, _HASHES.format(current=_current(owned)), _DEPARTED]
    if rivals:
        parts.append(_FORGOTTEN_THERE)
    if described:
        parts.append(_described(described))
    parts.append(_DIRTY.format(touched=" UNION ".join(_touched(described, known_only=known_only))))
    counted = {"updated": "updated", "dirty": "dirty"} | (
        {} if known_only else {"inserted": "inserted", "wanted": "wanted"}
    )
    columns = [f"(SELECT count(*) FROM {table}) AS {name}" for name, table in counted.items()]  # noqa: S608
    columns += ["0 AS inserted", "0 AS wanted"] if known_only else []
    return f"WITH {', '.join(parts)} SELECT {', '.join(columns)}"


def _owns(owned: Iterable[str], name: str) -> bool:
    return any(one.partition(".")[0] == name for one in owned)


def _updated(owned: frozenset[str], absent: Absent) -> str:
    values = _values(owned, absent)
    times = {
        "observed_at": f"CASE WHEN {_STOCK_IS_NEWER} AND ({_tells_stock(owned)} OR s.absent) THEN s.at ELSE o.observed_at END",
    }
    if _tells_costs(owned):
        times["cost_observed_at"] = f"CASE WHEN {_COSTS_ARE_NEWER} THEN s.at ELSE o.cost_observed_at END"
    setting = ", ".join(f"{name} = {value}" for name, value in (values | times).items())
    before = ", ".join(f"old.{name}" for name in ("quantity", "unit_cost", "currency", "discontinued"))
    return f"""updated AS (
    UPDATE offers o SET {setting} FROM told s
    WHERE o.ctid = s.place
        AND ({", ".join(values.values())}) IS DISTINCT FROM ({", ".join(f"o.{name}" for name in values)})
    RETURNING o.sku, s.at, {before}, ARRAY[old.ean, new.ean] AS eans,
        ({before}) IS DISTINCT FROM ({before.replace("old.", "new.")}) AS remembered
)"""  # noqa: S608 - field names are of a closed list


def _values(owned: frozenset[str], absent: Absent) -> dict[str, str]:
    """Say what each field of a standing offer becomes."""
    values = {
        "ean": "CASE WHEN s.matched THEN s.matched_ean ELSE coalesce(s.ean, o.ean) END",
        "known": f"o.known OR (NOT s.absent AND {_STOCK_IS_NEWER})",
    }
    stock = {name: f"coalesce(s.{name}, o.{name})" for name in STOCK if name in owned}
    if "available_on" in owned:
        stock["available_on"] = "s.available_on"  # a date that is no longer given no longer holds
    if absent is not Absent.KEEP:
        stock["quantity"] = f"CASE WHEN s.absent THEN 0 ELSE {stock.get('quantity', 'o.quantity')} END"
    if absent is Absent.DISCONTINUE:  # and an article that is back is no longer discontinued
        stock["discontinued"] = "CASE WHEN s.absent THEN true ELSE coalesce(s.discontinued, false) END"
    values |= {name: f"CASE WHEN {_STOCK_IS_NEWER} THEN {value} ELSE o.{name} END" for name, value in stock.items()}
    values |= {name: f"CASE WHEN {_COSTS_ARE_NEWER} THEN {value} ELSE o.{name} END" for name, value in _costs(owned)}
    return values | {name: f"coalesce(s.{name}, o.{name})" for name in OTHERS if name in owned}


def _costs(owned: frozenset[str]) -> list[tuple[str, str]]:
    names = ("recommended_price", "map_price")
    values: list[tuple[str, str]] = [(name, f"coalesce(s.{name}, o.{name})") for name in names if name in owned]
    if "unit_cost" in owned:
        values.append(("unit_cost", f"CASE WHEN {_NO_COST} THEN o.unit_cost ELSE s.unit_cost END"))
        values.append(("currency", f"CASE WHEN {_NO_COST} THEN o.currency ELSE coalesce(s.currency, :currency) END"))
    return values


def _tells_stock(owned: frozenset[str]) -> str:
    return "true" if owned & set(STOCK) else "false"


def _tells_costs(owned: frozenset[str]) -> bool:
    return bool(owned & set(COSTS))


def _current(owned: frozenset[str]) -> str:
    """Say when a row was taken as a whole: only then its hash may stand for it."""
    stock = ["s.stock_at <= s.at"] * bool(owned & set(STOCK))
    costs = ["coalesce(s.costs_at, :never) <= s.at"] * _tells_costs(owned)
    return " AND ".join(stock + costs) or "true"


def _inserted(owned: frozenset[str]) -> str:
    values = {
        "supplier": ":supplier",
        "sku": "s.sku",
        "ean": "CASE WHEN s.matched THEN s.matched_ean ELSE s.ean END",
        "known": "true",
        "currency": "coalesce(s.currency, :currency)",
        "quantity": "coalesce(s.quantity, 0)",
        "discontinued": "coalesce(s.discontinued, false)",
        "unit_cost": "nullif(s.unit_cost, 0)",
        "observed_at": "s.at" if owned & set(STOCK) else ":never",
        "cost_observed_at": "s.at" if _tells_costs(owned) else "CAST(NULL AS timestamptz)",
    }
    values |= {name: f"s.{name}" for name in (*STOCK, *COSTS, *OTHERS) if name in owned and name not in values}
    return f"""inserted AS (
    INSERT INTO offers ({", ".join(values)}) SELECT {", ".join(values.values())} FROM wanted s
    ON CONFLICT (supplier, sku) DO NOTHING RETURNING sku, ean
)"""  # noqa: S608 - field names are of a closed list


def _described(names: Sequence[str]) -> str:
    merged = {name: f"coalesce(excluded.{name}, a.{name})" for name in names}
    if "attributes" in merged:
        merged["attributes"] = "coalesce(a.attributes || excluded.attributes, excluded.attributes, a.attributes)"
    setting = ", ".join(f"{name} = {value}" for name, value in merged.items())
    given, standing = ", ".join(names), ", ".join(f"a.{name}" for name in names)
    return f"""described AS (
    INSERT INTO supplier_articles AS a (supplier, sku, {given}, first_seen_at, changed_at)
    SELECT :supplier, s.sku, {", ".join(f"s.{name}" for name in names)}, s.at, s.at FROM told s WHERE NOT s.absent
    ON CONFLICT (supplier, sku) DO UPDATE SET {setting}, changed_at = excluded.changed_at
        WHERE ({", ".join(merged.values())}) IS DISTINCT FROM ({standing})
    RETURNING sku
)"""  # noqa: S608 - field names are of a closed list


def _touched(described: Sequence[str], *, known_only: bool) -> list[str]:
    """List the queries for the article codes of which a shop may have to show something else."""
    touched = ["SELECT unnest(eans) FROM updated"]
    if not known_only:
        touched.append("SELECT ean FROM inserted")
    if {"brand", "category"} & set(described):  # price rules may ask for them
        touched.append("SELECT o.ean FROM described d JOIN offers o ON o.supplier = :supplier AND o.sku = d.sku")
    return touched
