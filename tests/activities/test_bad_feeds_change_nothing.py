"""Every bad feed of the matrix, through all stages: not one offer changes, not even where absence means sold out."""

import os

import pytest

from models.sync import RunState
from tests.activities.feed_world import FeedWorld
from tests.adapters.feeds.writing import COLUMNS, csv
from tests.adapters.test_bad_feeds import WHOLE

BEFORE = {"A-1": 10, "A-2": 0, "A-3": 7, "A-4": 250}


@pytest.mark.parametrize("name", WHOLE)
def test_a_bad_feed_changes_no_offer_and_asks_a_person(feed: FeedWorld, name: str) -> None:
    body, settings, code = WHOLE[name]
    bad = feed.folder / "bad"
    described = settings.model_dump(exclude_unset=True, exclude={"source", "kind"})
    feed.configure(
        stock={"columns": COLUMNS},
        bad={**described, "kind": "stock", "source": bad.as_uri(), "absent": "zero"},
    )
    feed.write_text(csv().decode())
    assert feed.sync().state is RunState.APPLIED
    assert feed.quantities() == BEFORE
    standing = feed.everything()

    bad.write_bytes(body)
    os.utime(bad, (feed.now.timestamp(),) * 2)
    outcome = feed.sync("bad")

    assert outcome.state is RunState.QUARANTINED
    assert code in outcome.reasons
    assert feed.tasks() == ["feed_quarantined"]
    assert feed.everything() == standing
