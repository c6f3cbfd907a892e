"""What is read at night: which supplier, since when, how many orders, what happens by itself, and what to type."""

from datetime import timedelta

import pytest

from activities import outages
from adapters.errors import AdapterError, AuthenticationFailed
from models.incidents import IncidentRequest, Trouble
from tests.activities.incident_desk import CALM, DAY, HELD, MINUTE, PROBE, Desk, attempt, goes_down, out_of_money
from tests.activities.world import HOUR, START, World


def bodies(world: World) -> list[str]:
    return [row["body"] for row in world.rows("SELECT body FROM mails WHERE kind = 'alert' ORDER BY id")]


def test_the_first_mail_says_what_happens_by_itself_and_what_to_type(world: World) -> None:
    goes_down(world, world.quoted(1))
    (body,) = bodies(world)
    incident = world.only("SELECT id FROM incidents")["id"]
    assert "BTSWholesaler (bts) can't be reached: calls in a row went unanswered (ReadTimeout)." in body
    assert "Since 02 Mar 2026 09:01Z." in body
    assert "Nothing is ordered elsewhere by itself" in body
    assert f"`dropwright incident probe {incident}`" in body
    assert "`dropwright order reroute --where category=supplier_unreachable,supplier=bts`" in body


def test_where_the_rules_reroute_the_first_mail_says_when(world: World) -> None:
    world.configure(suppliers={"bts": {"outages": {"reroute_after": "PT4H"}}})
    goes_down(world, world.quoted(1))
    assert "What is not sent within 4 h is ordered elsewhere." in bodies(world)[0]


def test_a_digest_says_how_many_wait_and_when_it_is_tried_next(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1), world.quoted(1))
    world.bts.on_probe = world.bts.on_stock
    desk.probe(START + MINUTE + DAY)
    desk.tend(at=START + MINUTE + DAY)
    assert "for 24 h now" in bodies(world)[-1]
    assert "Orders that felt it: 2. Waiting: 2. Tried: 1 times; next at 03 Mar 2026 09:31Z." in bodies(world)[-1]
    assert desk.alerts()[-1] == "Escalation: BTSWholesaler unreachable for 24 h, 2 orders wait"


def test_the_closing_note_says_whether_something_is_left_to_do(world: World, desk: Desk) -> None:
    order = world.quoted(1)
    goes_down(world, order)
    at = START + MINUTE + PROBE
    desk.probe(at)
    desk.drain(at)
    desk.tend(at=at + CALM)
    assert "Nothing is left to do." in bodies(world)[-1]


def test_a_digest_of_one_that_came_and_went_says_when_it_last_went_down(world: World, desk: Desk) -> None:
    goes_down(world, world.quoted(1))
    again = START + DAY
    with world.database.begin() as tx:
        tx.exec_driver_sql(f"UPDATE incidents SET down_again_at = '{again.isoformat()}'")
    desk.tend(at=START + DAY + 2 * MINUTE)
    assert "on and off for 24 h" in bodies(world)[-1]
    assert "it last went down 03 Mar 2026 09:00Z." in bodies(world)[-1]


def test_refused_credentials_are_named_by_their_variable(world: World) -> None:
    note(world, AuthenticationFailed("401", code="unauthorized"))
    assert "renew SUPPLIER_TOKEN" in bodies(world)[0]


def test_a_held_account_is_to_be_put_right_there(world: World, desk: Desk) -> None:
    world.bts.on_place = out_of_money
    attempt(world, world.quoted(1))
    desk.tend(HELD, at=START + DAY)
    assert "One order tries every 15 min." in bodies(world)[0]
    assert all("put the account right there" in body for body in bodies(world))


@pytest.mark.parametrize("kind", list(Trouble))
def test_every_kind_of_trouble_has_its_words_in_every_mail(world: World, desk: Desk, kind: Trouble) -> None:
    with world.database.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO incidents (supplier, kind, opened_at, probed_at, reason)"
            f" VALUES ('bts', '{kind}', '{START.isoformat()}', '{START.isoformat()}', 'code')"
        )
    request = IncidentRequest(supplier="bts", kind=kind)
    state = desk.tend(request, at=START + 2 * DAY)
    assert state.open or kind is Trouble.CHANGED
    assert all(sentence.count("{") == 0 for sentence in bodies(world))
    assert bodies(world)


def note(world: World, error: AdapterError) -> None:
    def noting() -> None:
        with world.database.begin() as tx:
            outages.note_exchange_failure(tx, world.deps, "bts", error)

    world.run(noting, at=START + HOUR - timedelta(minutes=1))
