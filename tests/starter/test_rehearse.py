"""``dropwright rehearse``: stored orders, replayed on a real database by the real router."""

from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.engine import Database
from starter.rehearsal import replay
from starter.rehearsal.summary import summary_for_apply
from tests.starter.past_orders import CHEAPEST, TABLES, TODAY, Past, ago
from tests.starter.world import PLANTED, CommandLine


@pytest.fixture
def past(cli: CommandLine, database: Database, tmp_path: Path) -> Past:
    with database.begin() as tx:
        tx.execute(text(f"TRUNCATE {TABLES} CASCADE"))
    past = Past(database, tmp_path)
    past.apply()
    return past


@pytest.fixture
def worked(past: Past) -> Past:
    """Five orders whose figures are worked out by hand below."""
    past.offer("bts", "E1", "10")
    past.offer("other", "E1", "10.50")
    past.offer("bts", "E2", "12")
    past.offer("bts", "E3", "4", quantity=0)
    past.offer("other", "E4", "5")
    past.order(("E1", 2, "20"))
    past.order(("E2", 1, "30"))
    past.order(("E1", 1, "20"), ("E2", 1, "30"))
    past.order(("E3", 1, "15"))
    past.order(("E2", 1, "30"), ("E4", 1, "9"))
    return past


def side(found: Any, name: str) -> dict[str, Any]:
    return {key: value for key, value in found[name].items() if key != "suppliers"}


# In force: #1 bts 20 + 5, #2 bts 12 + 5, #3 bts 22 + 5, #5 bts 12 + 5 and other 5 + 3; #4 nobody. By cost, #1 goes to
# other for 21 + 3 and the rest stays: #3 would cost 30.50 in two parcels.


def test_every_figure_of_a_small_set_is_what_a_hand_works_out(worked: Past) -> None:
    found = worked.try_rules(CHEAPEST)
    counts = (
        "orders",
        "lines",
        "compared",
        "value",
        "changed",
        "newly_failed",
        "rescued",
        "without_rate",
        "unheard_of",
    )
    assert [found[name] for name in counts] == [5, 7, 4, "159.00", 1, 0, 0, 0, 0]
    assert side(found, "before") == {
        "whole": 4,
        "failed": 1,
        "missing": "15.00",
        "cost": "94.00",
        "paid": {"item": "71.00", "shipping": "23.00", "customs": "0.00"},
        "margin": "65.00",
        "margin_share": 0.4088,
        "split_rate": 0.25,
        "parcels_per_order": 1.25,
        "promised_days": {"mean": 2.5, "half_within": 2, "most_within": 4, "orders": {"2": 3, "4": 1}},
    }
    assert side(found, "after") == {
        "whole": 4,
        "failed": 1,
        "missing": "15.00",
        "cost": "93.00",
        "paid": {"item": "72.00", "shipping": "21.00", "customs": "0.00"},
        "margin": "66.00",
        "margin_share": 0.4151,
        "split_rate": 0.25,
        "parcels_per_order": 1.25,
        "promised_days": {"mean": 3.0, "half_within": 2, "most_within": 4, "orders": {"2": 2, "4": 2}},
    }
    shares = {name: one["purchase_orders"] for name, one in found["before"]["suppliers"].items()}
    assert shares == {"bts": 4, "other": 1}
    assert found["after"]["suppliers"]["other"] == {"purchase_orders": 2, "units": 3, "share": 0.4}
    assert {bar: count for bar, count in found["cost_changes"].items() if count} == {"-5 to -1 %": 1}


def test_a_difference_is_told_with_both_sides_and_what_made_it(worked: Past) -> None:
    (one,) = worked.try_rules(CHEAPEST)["differences"]
    assert (one["order"], one["saved"], one["made_by"]) == ("#1", "1.00", ["routing.choose"])
    assert one["before"]["suppliers"] == {"bts": 2}
    assert one["after"]["suppliers"] == {"other": 2}
    assert one["after"]["paid"] == {"item": "21.00", "shipping": "3.00", "customs": "0.00"}
    assert (one["before"]["days"], one["after"]["days"]) == (2, 4)
    assert one["lost"] == {"bts": "higher cost"}


def test_the_rules_in_force_change_nothing(worked: Past) -> None:
    found = worked.try_rules('[routing]\npriority = ["bts", "other"]\n')
    assert (found["changed"], found["differences"]) == (0, [])
    assert found["before"] == found["after"]


def test_a_supplier_that_is_down_shows_what_fails_and_what_goes_elsewhere(worked: Past) -> None:
    found = worked.json("--supplier-down", "bts")
    assert (found["newly_failed"], found["changed"], found["after"]["missing"]) == (3, 4, "105.00")
    assert found["suppliers_down"] == ["bts"]
    lost = {one["order"]: (one["made_by"], one["lost"]["bts"]) for one in found["differences"]}
    assert lost == dict.fromkeys(("#1", "#2", "#3", "#5"), (["bts is switched off"], "switched off"))
    assert [one["order"] for one in found["differences"]][-1] == "#1"


def test_rules_and_an_outage_are_tried_together(worked: Past) -> None:
    found = worked.try_rules(CHEAPEST, "--supplier-down", "other")
    assert [one["order"] for one in found["differences"]] == ["#5"]
    assert found["after"]["suppliers"].keys() == {"bts"}


def test_a_new_rule_is_named_where_it_wins(worked: Past) -> None:
    rule = '[[routing.rules]]\nname = "not to Spain"\nwhen = { countries = ["ES"] }\nexclude = ["bts"]\n'
    name = worked.order(("E1", 1, "20"), country="ES")
    (one,) = worked.try_rules(rule)["differences"]
    assert (one["order"], one["made_by"]) == (name, ['rule "not to Spain"'])
    assert one["lost"]["bts"].startswith("excluded by rule")


def test_a_cost_that_came_later_does_not_count_and_one_that_had_ended_neither(past: Past) -> None:
    past.offer("bts", "E1", "99")
    past.was("bts", "E1", ago(5), "1")
    past.was("bts", "E1", ago(1), "10")
    past.order(("E1", 1, "20"))
    assert past.try_rules(CHEAPEST)["before"]["paid"]["item"] == "10.00"


def test_stock_is_that_of_its_time(past: Past) -> None:
    past.offer("bts", "E1", "10", quantity=50)
    past.was("bts", "E1", ago(1), "10", quantity=1)
    past.order(("E1", 2, "20"), days=3)
    past.order(("E1", 2, "20"), days=0.5)
    found = past.try_rules(CHEAPEST)
    assert (found["before"]["whole"], found["before"]["failed"]) == (1, 1)


def test_an_order_is_replayed_as_of_when_it_was_first_planned(past: Past) -> None:
    past.offer("bts", "E1", "11")
    past.was("bts", "E1", ago(2), "10")
    past.order(("E1", 1, "20"), days=3)
    past.execute(
        "INSERT INTO plans (order_id, plan_no, configuration_id, mode, reasons, planned_at) "
        "SELECT o.id, 1, c.id, 'live', '{}', :at FROM orders o, configurations c LIMIT 1",
        at=ago(1),
    )
    assert past.try_rules(CHEAPEST)["before"]["paid"]["item"] == "11.00"


def test_what_no_feed_had_yet_could_not_be_ordered(past: Past) -> None:
    past.offer("bts", "E1", "10")
    seen = {"supplier": "bts", "sku": "bts-E1", "first_seen_at": ago(2), "changed_at": TODAY}
    past.insert("supplier_articles", **seen)
    past.order(("E1", 1, "20"), days=3)
    past.order(("E1", 1, "20"), days=1)
    found = past.try_rules(CHEAPEST)
    assert (found["unheard_of"], found["before"]["failed"], found["before"]["whole"]) == (1, 1, 1)
    assert "hold an article that no supplier was known to have" in past.run("--supplier-down", "bts").output


def test_amounts_are_converted_by_the_rates_of_the_day(past: Past) -> None:
    for days, rate in ((10, "0.5"), (2, "9")):
        on = ago(days).date()
        past.insert("exchange_rates", base="EUR", currency="GBP", on=on, rate=rate, source="ecb", captured_at=TODAY)
    past.offer("bts", "E1", "10", currency="GBP")
    past.order(("E1", 1, "40"), days=3, currency="GBP")
    found = past.try_rules(CHEAPEST)
    assert (found["value"], found["before"]["cost"]) == ("80.00", "25.00")


def test_an_order_whose_currency_has_no_rate_is_counted_and_its_money_is_not(past: Past) -> None:
    past.offer("bts", "E1", "10")
    past.order(("E1", 1, "40"), currency="SEK")
    found = past.try_rules('[routing]\npriority = ["other", "bts"]\n')
    assert (found["without_rate"], found["compared"], found["before"]["whole"]) == (1, 0, 1)
    assert (found["value"], found["before"]["margin_share"]) == ("0.00", None)


def test_bundles_and_buffers_are_those_of_each_side(past: Past) -> None:
    past.offer("bts", "SET", "30")
    past.offer("other", "P1", "4", quantity=10)
    past.order(("SET", 2, "50"))
    found = past.try_rules("[stock.bundles]\nSET = { P1 = 3 }\n")
    assert found["differences"][0]["before"]["suppliers"] == {"bts": 2}
    assert found["differences"][0]["after"]["suppliers"] == {"other": 6}
    buffered = past.try_rules("[stock]\nbundles = { SET = { P1 = 3 } }\nbuffers = [{ units = 5 }]\n")
    assert (buffered["newly_failed"], buffered["after"]["missing"]) == (1, "100.00")


def test_a_persons_word_on_an_order_holds_on_both_sides(worked: Past) -> None:
    worked.execute(
        "INSERT INTO route_pins (order_id, only_supplier, pinned_by, pinned_at) "
        "SELECT id, 'bts', 'ana', now() FROM orders WHERE name = '#1'"
    )
    assert worked.try_rules(CHEAPEST)["changed"] == 0


def test_a_line_that_names_no_article_fails_on_both_sides(past: Past) -> None:
    past.offer("bts", "E1", "10")
    past.order(("E1", 1, "20"), ("", 1, "7"))
    found = past.json("--supplier-down", "other")
    assert (found["unheard_of"], found["before"]["failed"], found["before"]["missing"]) == (1, 1, "7.00")
    assert found["newly_failed"] == 0


def test_only_paid_orders_of_the_time_and_channel_are_replayed_and_no_tests(past: Past) -> None:
    past.offer("bts", "E1", "10")
    past.order(("E1", 1, "20"), days=8)
    past.order(("E1", 1, "20"), paid=False)
    past.order(("E1", 1, "20"), test=True)
    past.order(("E1", 1, "20"), channel="second")
    past.order(("E1", 1, "20"))
    assert past.try_rules(CHEAPEST, "--last", "7d")["orders"] == 2
    assert past.try_rules(CHEAPEST, "--last", "7d", "--channel", "main")["orders"] == 1


def test_the_document_is_the_same_each_time_and_however_many_processes_write_it(
    worked: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 2)
    monkeypatch.setattr(replay, "ALONE", 0)
    documents = [worked.try_rules(CHEAPEST, *more) for more in ((), (), ("--workers", "2"))]
    for one in documents:
        del one["since"], one["until"]
    assert documents[0] == documents[1] == documents[2]
    assert list(documents[0]) == list(documents[2])


def test_who_presses_ctrl_c_leaves_no_process_behind(worked: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "PAGE", 1)
    monkeypatch.setattr(replay, "ALONE", 0)
    configuration = worked.apply()
    tried = replay.Rehearsal(configuration, configuration, ago(5), TODAY)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    ids = replay.orders_of(worked.database, tried)
    with pytest.raises(KeyboardInterrupt):
        replay.rehearse(worked.database, tried, ids, workers=2, advance=interrupt)
    assert active_children() == []


def test_a_whole_configuration_is_taken_as_it_is(worked: Past) -> None:
    wanted = """
        [channels.main]
        shop_domain = "planted.example"
        webhook_secret_env = "SHOP_SECRET"
        token_env = "SHOP_TOKEN"
        start_watermark = 2026-01-01T00:00:00Z
        [suppliers.other]
        adapter = "btswholesaler"
        display_name = "Other"
        base_url = "http://127.0.0.1:9"
        token_env = "BTS_TOKEN"
        metafield_namespace = "shop"
        [routing]
        priority = ["other"]
        [mail]
        host = "127.0.0.1"
        port = 9
        sender = "shop@planted.example"
        alerts_to = "ops@planted.example"
    """
    found = worked.try_rules(wanted)
    assert (found["newly_failed"], list(found["after"]["suppliers"])) == (3, ["other"])


def test_bad_rules_are_refused_with_file_line_and_remedy_and_nothing_is_replayed(worked: Past) -> None:
    result = worked.run("--rules", worked.file('[routing]\nchoose = "cost"\nprioritty = ["bts"]\n'))
    assert result.exit_code == 1
    assert "new.toml:3" in result.stderr
    assert "prioritty" in result.stderr
    assert not result.stdout


def test_a_file_that_is_not_there_or_no_toml_is_said_so(worked: Past) -> None:
    assert "there is no file" in worked.run("--rules", "nowhere.toml").stderr
    assert "is not TOML" in worked.run("--rules", worked.file("[routing\n")).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what to try"),
        (("--supplier-down", "btz"), "no such supplier: btz; there are bts, other"),
        (("--supplier-down", "bts", "--channel", "nowhere"), "there is no channel nowhere: main"),
        (("--supplier-down", "bts", "--last", "soon"), "a length of time such as 30d"),
    ],
)
def test_what_can_t_be_tried_is_refused_with_what_can(past: Past, arguments: tuple[str, ...], said: str) -> None:
    result = past.run(*arguments)
    assert result.exit_code
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_an_empty_window_says_so(past: Past) -> None:
    page = past.folder / "page.html"
    result = past.run("--supplier-down", "bts", "--last", "2h", "--html", str(page))
    assert result.exit_code == 0
    assert "nothing to rehearse: no paid orders placed from" in result.stdout
    assert "nothing to rehearse" in page.read_text("utf-8")


def test_the_text_shows_both_sides_and_explains_the_differences(worked: Past) -> None:
    shown = worked.run("--rules", worked.file(CHEAPEST)).stdout
    rows = [line.split() for line in shown.splitlines()]
    assert ["margin,", "EUR", "65.00", "66.00", "+1.00"] in rows
    assert ["bts", "4", "80.0", "%", "3", "60.0", "%"] in rows
    assert "1. #1: bts → other, 1.00 EUR less" in shown
    assert "made by routing.choose" in shown


def test_neither_text_nor_json_nor_page_holds_an_address(worked: Past) -> None:
    worked.address()
    page = worked.folder / "page.html"
    arguments = ("--rules", worked.file(CHEAPEST), "--html", str(page))
    said = worked.run(*arguments).output + worked.run(*arguments, "--json").output + page.read_text("utf-8")
    assert "#1: bts → other" in said
    for personal in (*PLANTED, "99423"):
        assert personal not in said


def test_the_page_is_one_file_without_scripts_that_shows_what_the_text_does(worked: Past) -> None:
    page = worked.folder / "page.html"
    worked.run("--rules", worked.file(CHEAPEST), "--html", str(page))
    written = page.read_text("utf-8")
    assert len(written) < 300_000
    assert written.count("<svg") == 3
    for foreign in ("<script", "http:", "https:", "src=", "@import", "url("):
        assert foreign not in written
    for shown in ("65.00", "66.00", "+1.00", "made by routing.choose", "prefers-color-scheme: dark"):
        assert shown in written


def test_names_are_escaped_on_the_page(worked: Past) -> None:
    worked.execute("UPDATE orders SET name = '<b>&' WHERE name = '#1'")
    page = worked.folder / "page.html"
    worked.run("--rules", worked.file(CHEAPEST), "--html", str(page))
    assert "&lt;b&gt;&amp;" in page.read_text("utf-8")
    assert "<b>&" not in page.read_text("utf-8")


def test_the_summary_of_an_apply_is_a_few_lines_on_the_newest_orders(worked: Past) -> None:
    before = worked.apply()
    after = worked.apply(routing={"choose": "cost"})
    lines = summary_for_apply(worked.database, before, after)
    assert lines[0] == "rehearsed on all 5 orders of the last 30 days:"
    assert "  margin, EUR: 65.00 → 66.00 (+1.00)" in lines
    assert "  #1: bts → other, 1.00 EUR less" in lines
    assert summary_for_apply(worked.database, before, after, most=2)[0].startswith("rehearsed on the newest 2 orders")


def test_an_apply_without_orders_or_without_rules_before_has_no_summary(past: Past) -> None:
    configuration = past.apply()
    assert summary_for_apply(past.database, configuration, configuration) == []
    assert summary_for_apply(past.database, None, configuration) == []


def test_nothing_is_written(worked: Past) -> None:
    tables = ("orders", "plans", "purchase_orders", "reservations", "timeline", "offers", "configurations")
    before = [worked.execute(f"SELECT sum(hashtext(t::text)) FROM {name} t") for name in tables]
    worked.run("--rules", worked.file(CHEAPEST), "--supplier-down", "other")
    assert [worked.execute(f"SELECT sum(hashtext(t::text)) FROM {name} t") for name in tables] == before
