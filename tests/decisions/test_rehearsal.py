"""Two plans of an order side by side, and the figures of many."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.configuration import Configuration
from models.rehearsal import MOST_DIFFERENCES, Allotted, Outcome, Replayed, RuleChanges, Tally
from models.routing import (
    Allotment,
    LineReasons,
    OfferFacts,
    OrderFacts,
    RoutingPlan,
    Share,
    SupplierFacts,
    Verdict,
    WantedLine,
)
from models.routing_rules import Routing
from models.stock import Stock
from models.terms import Terms
from workflows.decisions.rehearsal import converted, kept_back, missing_value, nobody_had, outcome_of, paid_to
from workflows.decisions.rehearsal_figures import BARS, add, bar_of, changes_between, made_by, mean, percentile, take_in
from workflows.decisions.routing import route

PLACED = datetime(2026, 3, 2, 9, tzinfo=UTC)
ONE = Decimal(1)


def order(*lines: WantedLine, country: str = "DE") -> OrderFacts:
    return OrderFacts("main", "EUR", lines or (WantedLine("1", "E1", 2, grams=500),), PLACED, country=country)


def share(supplier: str, units: int = 2, cost: str | None = "10", arrive: date | None = None) -> Share:
    unit_cost = None if cost is None else Decimal(cost)
    return Share(supplier, (Allotment("1", "E1", "S1", units, unit_cost=unit_cost),), Decimal(0), None, arrive)


def supplier(name: str = "a", rate: str | None = "1", **terms: Any) -> SupplierFacts:
    return SupplierFacts(name, Terms.model_validate(terms), rate=None if rate is None else Decimal(rate))


def routing(**settings: Any) -> Routing:
    return Routing.model_validate({"priority": ["a", "b"], **settings})


def outcome(*allotted: tuple[str, int], cost: str | None = "10", missing: str = "0", **changes: Any) -> Outcome:
    places = tuple(Allotted("1", "E1", name, f"S-{name}", units) for name, units in allotted)
    paid = None if cost is None else {"item": Decimal(cost), "shipping": Decimal(0), "customs": Decimal(0)}
    usual: dict[str, Any] = {"whole": missing == "0", "missing": Decimal(missing), "paid": paid, "days": 2}
    return Outcome(places, **{**usual, **changes})


def replayed(before: Outcome, after: Outcome, order_id: int = 1, value: str | None = "20") -> Replayed:
    paid = None if value is None else Decimal(value)
    return Replayed(order_id, f"#{order_id}", "main", PLACED, paid, before, after)


def tally_of(*orders: Replayed) -> Tally:
    tally = Tally()
    for one in orders:
        take_in(tally, one, RuleChanges(), lines=1, unheard_of=False)
    return tally


# What is paid.


def test_goods_shipping_by_weight_and_units_and_customs_are_what_is_paid() -> None:
    rows = [{"countries": ["FR"], "cost": "99"}, {"up_to_kg": "0.5", "cost": "98"}]
    rows += [{"up_to_kg": "1", "cost": "4", "per_kg": "2", "per_item": "0.25"}, {"cost": "97"}]
    customs = [{"destinations": ["CH"], "share": "1"}, {"origins": ["ES"], "share": "0.1", "fixed": "3"}]
    terms = supplier(ships_from="ES", shipping=rows)
    paid = paid_to(order(), share("a"), terms, routing(customs=customs), ONE)
    assert paid == {"item": Decimal(20), "shipping": Decimal("6.5"), "customs": Decimal(5)}


def test_within_its_own_country_nothing_is_paid_at_a_border() -> None:
    customs = [{"share": "0.1", "fixed": "3"}]
    paid = paid_to(order(), share("a"), supplier(ships_from="DE"), routing(customs=customs), ONE)
    assert paid == {"item": Decimal(20), "shipping": Decimal(0), "customs": Decimal(0)}


def test_a_small_order_pays_its_fee_and_one_at_the_minimum_does_not() -> None:
    terms = {"minimum_order": "20", "small_order_fee": "7"}
    small, enough = (paid_to(order(), share("a", units=units), supplier(**terms), routing(), ONE) for units in (1, 2))
    assert [paid and paid["shipping"] for paid in (small, enough)] == [7, 0]


def test_a_suppliers_amounts_are_converted_by_its_own_rate_and_fixed_customs_by_that_of_the_rules() -> None:
    terms = supplier(rate="0.5", ships_from="GB", currency="GBP", shipping=[{"cost": "8"}])
    paid = paid_to(order(), share("a"), terms, routing(customs=[{"fixed": "3"}]), Decimal(2))
    assert paid == {"item": Decimal(20), "shipping": Decimal(4), "customs": Decimal(6)}


def test_a_cost_that_nobody_knows_makes_the_whole_unknown() -> None:
    assert paid_to(order(), share("a", cost=None), supplier(), routing(), ONE) is None
    assert paid_to(order(), share("a"), supplier(rate=None), routing(), ONE) is None


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5_000), st.integers(0, 3_000)), min_size=1, max_size=4),
    st.integers(0, 40),
)
def test_what_is_paid_is_what_the_router_reckons_where_nothing_else_weighs(
    goods: list[tuple[int, int, int]], minimum: int
) -> None:
    lines = [WantedLine(str(n), f"E{n}", units, grams=grams) for n, (units, _, grams) in enumerate(goods)]
    offers = [
        OfferFacts("a", f"S{n}", f"E{n}", known=True, available=99, unit_cost=Decimal(cost).scaleb(-2))
        for n, (_, cost, _) in enumerate(goods)
    ]
    rows = [{"up_to_kg": "2", "cost": "4.5", "per_kg": "1"}, {"cost": "9", "per_kg": "0.5", "per_item": "0.25"}]
    terms = {"shipping": rows, "ships_from": "ES", "minimum_order": str(minimum), "small_order_fee": "3"}
    rules = routing(choose="cost", customs=[{"share": "0.1", "fixed": "2"}])
    wanted = order(*lines)
    suppliers = {"a": supplier(**terms)}
    plan = route(wanted, offers, suppliers, rules, now=PLACED)
    paid = paid_to(wanted, plan.shares["a"], suppliers["a"], rules, ONE)
    assert paid is not None
    rounded_per_unit = Decimal("0.0001") * sum(line.quantity * 3 for line in lines)
    assert abs(sum(paid.values()) - plan.cost) <= rounded_per_unit


# One plan.


def test_an_outcome_is_in_the_currency_of_the_rules() -> None:
    plan = RoutingPlan({"a": share("a")}, [])
    found = outcome_of(order(), plan, {"a": supplier()}, routing(), rate=Decimal(4), prices={"1": Decimal(30)})
    assert found.paid == {"item": Decimal(5), "shipping": Decimal(0), "customs": Decimal(0)}
    unknown = outcome_of(order(), plan, {"a": supplier()}, routing(), rate=None, prices={"1": Decimal(30)})
    assert (unknown.paid, unknown.missing) == (None, None)


def test_an_order_is_there_when_its_last_parcel_is() -> None:
    shares = {"a": share("a", arrive=date(2026, 3, 5)), "b": share("b", arrive=date(2026, 3, 9))}
    both = {name: supplier(name) for name in shares}
    found = outcome_of(order(), RoutingPlan(shares, []), both, routing(), rate=ONE, prices={})
    assert (found.days, found.suppliers) == (7, ("a", "b"))
    shares["b"] = share("b")
    assert outcome_of(order(), RoutingPlan(shares, []), both, routing(), rate=ONE, prices={}).days is None


def test_what_nobody_delivers_is_valued_at_what_the_customer_paid_and_a_bundle_once() -> None:
    left = [WantedLine("1", "E1", 1), WantedLine("2", "P1", 4, per_unit=2), WantedLine("2", "P2", 3)]
    plan = RoutingPlan({}, left)
    assert missing_value(plan, {"1": Decimal(5), "2": Decimal(10)}) == 35


def test_why_suppliers_lost_is_told_with_the_rule_and_not_by_a_line_that_they_never_had() -> None:
    first = LineReasons("1", "E1", 2, (Verdict("a", "chosen"), Verdict("b", "article unknown")), ("base",))
    second = LineReasons("2", "E2", 2, (Verdict("a", "chosen"), Verdict("b", "excluded by rule", detail="no-b")))
    plan = RoutingPlan({"a": share("a")}, [], [first, second], rules=("whole",))
    found = outcome_of(order(), plan, {"a": supplier()}, routing(), rate=ONE, prices={})
    assert found.lost == {"b": "excluded by rule (no-b)"}
    assert found.rules == ("whole", "base")


def test_an_article_that_every_supplier_is_asked_for_in_vain_is_told_apart_from_a_shortage() -> None:
    unknown, short = Verdict("a", "article unknown"), Verdict("b", "not enough stock")
    assert nobody_had(RoutingPlan({}, [], [LineReasons("1", "E1", 1, (unknown,))]))
    assert not nobody_had(RoutingPlan({}, [], [LineReasons("1", "E1", 1, (unknown, short))]))


def test_an_outcome_can_be_told_in_another_currency() -> None:
    found = converted(outcome(("a", 1), missing="4"), Decimal("0.5"))
    assert (found.cost, found.missing) == (5, 2)
    lost = converted(outcome(("a", 1), missing="4"), None)
    assert (lost.cost, lost.missing) == (None, None)


def test_the_largest_buffer_that_fits_is_kept_back_and_shares_are_rounded_up() -> None:
    buffers = [{"units": 2}, {"suppliers": ["b"], "units": 9}, {"articles": ["E1"], "share": 0.3}]
    stock = Stock.model_validate({"buffers": buffers})
    assert kept_back(stock, "a", "E1", "", 10) == 3
    assert kept_back(stock, "a", "E1", "", 11) == 4
    assert kept_back(stock, "a", "E2", "", 10) == 2
    assert kept_back(stock, "b", "E2", "", 10) == 9


def test_a_buffer_of_a_category_keeps_back_what_is_in_it() -> None:
    stock = Stock.model_validate({"buffers": [{"categories": ["Hair"], "units": 5}]})
    assert kept_back(stock, "a", "E1", "Hair", 10) == 5
    assert kept_back(stock, "a", "E1", "Skin", 10) == 0


# Both plans.


def test_costs_are_compared_only_where_both_sides_deliver_all_of_it() -> None:
    cheaper = replayed(outcome(("a", 2), cost="12"), outcome(("b", 2), cost="10"))
    fails = replayed(outcome(("a", 2)), outcome(("a", 1), missing="10"))
    unknown = replayed(outcome(("a", 2)), outcome(("a", 2), cost=None))
    assert (cheaper.saved, cheaper.at_stake) == (2, 2)
    assert (fails.saved, fails.at_stake) == (None, 10)
    assert (unknown.saved, unknown.changed) == (None, False)


def test_the_sequence_of_suppliers_is_no_change_and_another_quantity_is_one() -> None:
    assert not replayed(outcome(("a", 1), ("b", 2)), outcome(("b", 2), ("a", 1))).changed
    assert replayed(outcome(("a", 1), ("b", 2)), outcome(("a", 2), ("b", 1))).changed


def configuration(**sections: Any) -> Configuration:
    one = {"adapter": "btswholesaler", "base_url": "http://127.0.0.1:9", "token_env": "TOKEN"}
    one |= {"metafield_namespace": "shop", "display_name": "One"}
    main = {"shop_domain": "shop.example", "webhook_secret_env": "SECRET", "token_env": "TOKEN"}
    usual = {
        "channels": {"main": {**main, "start_watermark": "2026-01-01T00:00:00Z"}},
        "suppliers": {"a": one, "b": one},
        "routing": {"priority": ["a", "b"], **sections.pop("routing", {})},
        "mail": {"host": "127.0.0.1", "port": 25, "sender": "a@b.example", "alerts_to": "a@b.example"},
    }
    return Configuration.model_validate(usual | sections)


def test_what_made_a_difference_is_the_rule_that_is_new_or_gone_or_else_the_setting() -> None:
    old, new = {"name": "old", "split_lines": True}, {"name": "new", "exclude": ["a"]}
    before = configuration(routing={"rules": [old]})
    after = configuration(routing={"rules": [new], "promise_days": 3})
    changes = changes_between(before, after)
    moved = replayed(outcome(("a", 2), rules=("old",)), outcome(("b", 2), rules=("new",)))
    assert made_by(moved, changes) == ('rule "new"', 'without rule "old"', "routing.promise_days")


def test_a_supplier_that_is_down_is_named_first_and_only_where_it_delivered() -> None:
    before = configuration()
    off = {**before.suppliers, "a": before.suppliers["a"].model_copy(update={"enabled": False})}
    changes = changes_between(before, before.model_copy(update={"suppliers": off}))
    assert made_by(replayed(outcome(("a", 2)), outcome(("b", 2))), changes) == ("a is switched off",)
    assert made_by(replayed(outcome(("b", 2)), outcome(("b", 1), ("a", 1))), changes) != ("a is switched off",)


def test_of_equal_configurations_nothing_differs() -> None:
    assert changes_between(configuration(), configuration()) == RuleChanges()


def test_changes_of_cost_fall_into_bars_and_what_was_free_counts_as_much_more() -> None:
    cases = {"40": "below -50 %", "50": "-50 to -25 %", "99.5": "-1 to 1 %", "100": "-1 to 1 %"}
    cases |= {"101": "1 to 5 %", "149": "25 to 50 %", "150": "above 50 %"}
    assert {after: bar_of(Decimal(100), Decimal(after)) for after in cases} == cases
    assert bar_of(Decimal(0), Decimal(1)) == "above 50 %"
    assert set(cases.values()) <= set(BARS)


def test_figures_of_a_side_count_what_is_delivered_whole() -> None:
    tally = tally_of(
        replayed(outcome(("a", 2), cost="12", days=3), outcome(("b", 2), cost="10", days=2)),
        replayed(outcome(("a", 1), ("b", 1), cost="9"), outcome(("a", 1), missing="7"), order_id=2),
    )
    assert (tally.orders, tally.compared, tally.value, tally.changed) == (2, 1, 20, 2)
    assert (tally.newly_failed, tally.rescued) == (1, 0)
    assert (tally.before.whole, tally.before.split, tally.before.parcels, tally.before.cost) == (2, 1, 3, 12)
    assert (tally.after.whole, tally.after.failed, tally.after.missing, tally.after.cost) == (1, 1, 7, 10)
    assert dict(tally.before.days) == {3: 1, 2: 1}
    assert dict(tally.after.orders_at) == {"b": 1, "a": 1}
    assert [one.replayed.order_id for one in tally.largest] == [2, 1]
    assert +tally.saved == {"-25 to -10 %": 1}


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.sampled_from("abc"), st.integers(0, 30)), max_size=30
    ),
    st.integers(1, 7),
)
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(facts: list[tuple[str, int, str, int]], size: int) -> None:
    orders = [
        replayed(outcome((old, 1), cost=str(was)), outcome((new, 1), cost=str(now)), order_id=number)
        for number, (old, was, new, now) in enumerate(facts)
    ]
    parts = [tally_of(*orders[start : start + size]) for start in range(0, len(orders), size)]
    whole = tally_of(*orders)
    for some in (parts, parts[::-1]):
        summed = Tally()
        for part in some:
            add(summed, part)
        assert summed == whole
    assert len(whole.largest) == min(whole.changed, MOST_DIFFERENCES)


def test_days_have_a_mean_and_percentiles_and_none_of_nothing() -> None:
    days = {1: 5, 2: 4, 9: 1}
    assert (mean(days), percentile(days, 0.5), percentile(days, 0.9), percentile(days, 1)) == (Decimal("2.2"), 1, 2, 9)
    assert (mean({}), percentile({}, 0.5)) == (None, None)
