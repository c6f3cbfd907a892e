from datetime import timedelta
from decimal import Decimal

import pytest

from models.sync import RunState, Trigger
from tests.activities.feed_world import MINUTE, START, FeedWorld, article, ean_of

TEN = [article(number) for number in range(10)]


def test_a_first_load_makes_offers_without_a_history(feed: FeedWorld) -> None:
    feed.write(TEN)
    outcome = feed.sync()
    assert (outcome.state, outcome.rows, outcome.changed, outcome.offers) == (RunState.APPLIED, 10, 10, 10)
    offer = feed.offer("S000003")
    assert (offer["ean"], offer["quantity"], offer["unit_cost"]) == (ean_of(3), 10, Decimal("10.00"))
    assert offer["observed_at"] == offer["cost_observed_at"] == START + MINUTE
    assert feed.rows("SELECT 1 FROM offer_changes") == []


def test_only_what_changed_is_written_and_what_it_was_before_is_kept(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:9], article(9, 4, "9.50")])
    outcome = feed.sync()
    assert (outcome.changed, outcome.offers) == (1, 1)
    assert feed.offer("S000009")["quantity"] == 4
    (before,) = feed.history("S000009")
    assert (before["quantity"], before["unit_cost"], before["until"]) == (
        10,
        Decimal(10),
        START + 2 * MINUTE + timedelta(seconds=1),
    )
    assert before["source"] == f"feed:stock:{outcome.run_id}"
    assert feed.rows("SELECT 1 FROM feed_staged UNION ALL SELECT 1 FROM feed_chunks") == []


def test_the_same_file_is_not_read_again(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    again = feed.sync()
    assert again.state is RunState.UNCHANGED
    assert feed.only("SELECT bytes FROM feed_runs WHERE id = :id", id=again.run_id)["bytes"] == 0


def test_the_same_bytes_under_a_newer_date_are_not_looked_into(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.write(TEN)
    again = feed.sync()
    assert again.state is RunState.UNCHANGED
    state = feed.only("SELECT applied_source_time, applied_run_id FROM feed_states")
    assert state == {"applied_source_time": START + 2 * MINUTE + timedelta(seconds=1), "applied_run_id": again.run_id}


def test_the_same_rows_in_another_order_change_nothing(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    before = feed.everything()
    feed.write(TEN[::-1])
    assert feed.sync().state is RunState.UNCHANGED
    assert feed.everything() == before


def test_an_unchanged_feed_writes_next_to_nothing_to_the_log(feed: FeedWorld) -> None:
    many = [article(number) for number in range(50_000)]
    feed.write(many)
    feed.sync()
    written = []
    for start in (10_000, 20_000, 30_000):  # the server clears up after the first load meanwhile: the quietest counts
        feed.write(many[start:] + many[:start])
        before = feed.wal()
        assert feed.sync().state is RunState.UNCHANGED
        written.append(feed.wal() - before)
    assert min(written) / len(many) < 1


def test_a_full_run_believes_no_hash_and_still_writes_only_what_differs(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    outcome = feed.sync(full=True, trigger=Trigger.OPERATOR)
    assert (outcome.state, outcome.changed, outcome.offers) == (RunState.APPLIED, 10, 0)
    assert feed.rows("SELECT 1 FROM offer_changes") == []


def test_nothing_there_is_an_end_of_its_own(feed: FeedWorld) -> None:
    assert feed.sync().state is RunState.NOTHING_THERE


def test_an_older_file_never_overwrites_a_newer_one(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.write_text("sku,ean,quantity,cost\n" + ",".join(map(str, article(1, 99))) + "\n", at=START - MINUTE)
    outcome = feed.sync()
    assert (outcome.state, outcome.reasons[0]) == (RunState.REJECTED, "older")
    assert feed.offer("S000001")["quantity"] == 10
    assert feed.tasks() == []


@pytest.mark.parametrize(
    ("policy", "quantity", "discontinued"), [("keep", 10, False), ("zero", 0, False), ("discontinue", 0, True)]
)
def test_what_is_absent_follows_the_policy(feed: FeedWorld, policy: str, quantity: int, discontinued: bool) -> None:
    feed.configure(stock={"absent": policy})
    feed.write(TEN)
    feed.sync()
    feed.write(TEN[:9])
    feed.sync()
    offer = feed.offer("S000009")
    assert (offer["quantity"], offer["discontinued"]) == (quantity, discontinued)


def test_an_article_that_is_back_is_offered_again(feed: FeedWorld) -> None:
    feed.configure(stock={"absent": "discontinue"})
    for rows in (TEN, TEN[:9], [*TEN[:8], article(8, 7), TEN[9]]):
        feed.write(rows)
        feed.sync()
    offer = feed.offer("S000009")
    assert (offer["quantity"], offer["discontinued"]) == (10, False)


def test_a_row_that_cant_be_read_is_not_taken_for_absent(feed: FeedWorld) -> None:
    feed.configure(stock={"absent": "zero", "thresholds": {"max_share_unreadable": 0.5}})
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:8], article(8, 3), ("S000009", ean_of(9), "N/A", "10.00")])
    outcome = feed.sync()
    assert (outcome.state, feed.quantities()["S000009"]) == (RunState.APPLIED, 10)
    problem = feed.only("SELECT position, field, sku, text FROM feed_problems")
    assert problem == {"position": 10, "field": "quantity", "sku": "S000009", "text": "N/A"}


def test_what_a_supplier_said_later_than_its_file_stays(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:9], article(9, 4)])  # written before the supplier is asked, and read after
    feed.ask_supplier(ean_of(9), 2)
    feed.sync()
    assert feed.quantities()["S000009"] == 2


def test_the_next_file_corrects_what_a_supplier_said_in_between(feed: FeedWorld) -> None:
    feed.write(TEN)
    feed.sync()
    feed.ask_supplier(ean_of(9), 2, "12")
    feed.write(TEN)
    assert feed.sync().state is RunState.APPLIED
    offer = feed.offer("S000009")
    assert (offer["quantity"], offer["unit_cost"]) == (10, Decimal(10))


def test_an_article_that_was_asked_about_in_between_can_still_be_absent(feed: FeedWorld) -> None:
    feed.configure(stock={"absent": "zero"})
    feed.write(TEN)
    feed.sync()
    feed.ask_supplier(ean_of(9), 2)
    feed.write(TEN[:9])
    feed.sync()
    assert feed.quantities()["S000009"] == 0


def test_the_feeds_own_row_takes_the_place_of_what_was_asked_before_any_feed(feed: FeedWorld) -> None:
    feed.ask_supplier(ean_of(9), 2)
    feed.write(TEN)
    feed.sync()
    assert feed.only("SELECT sku, quantity FROM offers WHERE ean = :ean", ean=ean_of(9)) == {
        "sku": "S000009",
        "quantity": 10,
    }


def test_a_persons_match_outweighs_the_feeds_own_article_code(feed: FeedWorld) -> None:
    with feed.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO matches VALUES ('bts', 'S000001', '999', 'person', 'maria', now()),"
            " ('bts', 'S000002', NULL, 'person', 'maria', now())"
        )
    feed.write(TEN)
    feed.sync()
    assert [feed.offer(f"S00000{number}")["ean"] for number in (0, 1, 2)] == [ean_of(0), "999", None]


def test_listings_of_what_changed_are_marked_also_where_they_were_marked_before(feed: FeedWorld) -> None:
    feed.list_article(ean_of(9))
    feed.list_article(ean_of(1), "901")
    feed.write(TEN)
    feed.sync()
    first = {row["variant_id"]: row["dirty_since"] for row in feed.rows("SELECT * FROM listings")}
    feed.write([*TEN[:9], article(9, 4)])
    feed.sync()
    times = {row["variant_id"]: row["dirty_since"] for row in feed.rows("SELECT * FROM listings")}
    assert times["900"] > first["900"]
    assert times["901"] == first["901"] is not None


def test_two_feeds_of_the_same_fields_correct_each_other(feed: FeedWorld) -> None:
    feed.configure(stock={}, hot={"scope": "changes"})
    feed.write(TEN)
    feed.sync()
    feed.write([article(9, 1)], "hot")
    feed.sync("hot")
    assert feed.quantities()["S000009"] == 1
    feed.write(TEN)  # the full one says the same as before, and is newer
    feed.sync()
    assert feed.quantities()["S000009"] == 10


def test_a_price_list_is_not_held_off_by_newer_stock(feed: FeedWorld) -> None:
    stock = {name: name for name in ("sku", "ean", "quantity")}
    feed.configure(stock={"columns": stock}, prices={"kind": "price", "columns": {"sku": "sku", "unit_cost": "cost"}})
    feed.write([row[:3] for row in TEN], header=("sku", "ean", "quantity"))
    feed.sync()
    lines = "\n".join(f"{row[0]},8.00" for row in TEN)
    feed.write_text(f"sku,cost\n{lines}\n", "prices", at=START - MINUTE)
    feed.sync("prices")
    offer = feed.offer("S000001")
    assert (offer["quantity"], offer["unit_cost"]) == (10, Decimal(8))
    assert (offer["observed_at"], offer["cost_observed_at"]) == (START + MINUTE, START - MINUTE)


def test_what_describes_an_article_is_kept_apart_from_its_offer(feed: FeedWorld) -> None:
    columns = {"sku": "sku", "title": "title", "images": "images", "attributes.colour": "colour"}
    feed.configure(catalogue={"kind": "catalogue", "columns": columns})
    header = ("sku", "title", "images", "colour")
    feed.write([("A", 'Chair "tall" \\ x', '"a.jpg,b.jpg"', "red")], "catalogue", header)
    feed.sync("catalogue")
    feed.write([("A", "Chair", "", "blue")], "catalogue", header)
    feed.sync("catalogue")
    kept = feed.only("SELECT title, images, attributes FROM supplier_articles")
    assert kept == {"title": "Chair", "images": ["a.jpg", "b.jpg"], "attributes": {"colour": "blue"}}
    assert feed.offer("A")["quantity"] == 0


def test_a_second_row_of_an_article_whose_other_row_is_unchanged_is_not_believed(feed: FeedWorld) -> None:
    feed.configure(stock={"thresholds": {"max_share_unreadable": 0.5}})
    feed.write(TEN)
    feed.sync()
    feed.write([*TEN[:8], article(8, 1), TEN[9], article(9, 77)])
    outcome = feed.sync()
    assert (outcome.state, outcome.offers) == (RunState.APPLIED, 1)
    assert feed.quantities()["S000009"] == 10
    assert feed.only("SELECT code, sku FROM feed_problems") == {"code": "duplicate", "sku": "S000009"}


def test_the_newer_of_two_rows_counts_where_the_feed_says_when(feed: FeedWorld) -> None:
    columns = {"sku": "sku", "quantity": "quantity", "observed_at": "at"}
    feed.configure(stock={"columns": columns})
    header = ("sku", "quantity", "at")
    feed.write([("A", 5, "2026-03-01T10:00:00Z")], header=header)
    feed.sync()
    feed.write([("A", 5, "2026-03-01T10:00:00Z"), ("A", 7, "2026-03-01T11:00:00Z")], header=header)
    feed.sync()
    assert feed.quantities() == {"A": 7}
    feed.write(
        [("A", 5, "2026-03-01T10:00:00Z"), ("A", 7, "2026-03-01T11:00:00Z"), ("B", 1, "2026-03-01T11:00:00Z")],
        header=header,
    )
    feed.sync()
    assert feed.quantities() == {"A": 7, "B": 1}
