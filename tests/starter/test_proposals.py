import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database import proposals
from adapters.database.engine import Database
from models.configuration import Configuration
from starter import applying
from starter.applying import change_lines
from starter.configuration_files import Change, to_toml
from tests.starter.world import CommandLine, Shop, apply_configuration, document
from workflows.decisions.high_impact import high_impact_changes

MARKED = {"name": "heavy", "when": {"kg_from": "10"}, "only": ["other"], "high_impact": True}
USUAL = {"name": "vip", "when": {"tags": ["vip"]}, "choose": "cost"}


def rules(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"routing": {"priority": ["bts", "other"], "rules": list(entries)}}


def stored(*entries: dict[str, Any]) -> dict[str, Any]:
    return Configuration.model_validate(document(**rules(*entries))).model_dump(mode="json")


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([], [MARKED], ["heavy"]),
        ([MARKED], [], ["heavy"]),
        ([MARKED], [MARKED], []),
        ([MARKED], [{**MARKED, "only": ["bts"]}], ["heavy"]),
        ([MARKED], [{**MARKED, "high_impact": False}], ["heavy"]),
        ([{**MARKED, "high_impact": False}], [MARKED], ["heavy"]),
        ([MARKED], [{**MARKED, "name": "very heavy"}], ["heavy", "very heavy"]),
        ([MARKED], [MARKED, USUAL], []),
        ([MARKED], [USUAL, MARKED], []),
        ([MARKED], [{**USUAL, "only": ["bts"]}, MARKED], ["heavy"]),
        ([{**USUAL, "only": ["bts"]}, MARKED], [MARKED, {**USUAL, "only": ["bts"]}], ["heavy"]),
        ([], [USUAL], []),
    ],
)
def test_a_marked_rule_is_changed_by_whatever_changes_what_it_does(
    before: list[dict[str, Any]], after: list[dict[str, Any]], changed: list[str]
) -> None:
    assert high_impact_changes(stored(*before), stored(*after)) == changed


@pytest.fixture
def file(database: Database, tmp_path: Path) -> Path:
    """A file that adds a high-impact rule to the version in force, and changes something else."""
    apply_configuration(database, **rules(USUAL))
    file = tmp_path / "dropwright.toml"
    wanted = document(**rules(USUAL, MARKED), people={"remind_after": "5h"})
    file.write_text(to_toml(Configuration.model_validate(wanted)))
    return file


def propose(cli: CommandLine, file: Path, by: str = "ana") -> Any:
    return cli.json("config", "apply", str(file), "--yes", "--as", by)


def test_a_second_person_puts_a_high_impact_rule_into_force(cli: CommandLine, file: Path) -> None:
    before = cli.json("config", "show")

    proposed = propose(cli, file)
    number = proposed["proposal"]["id"]
    assert (proposed["changed"], proposed["version"], proposed["proposal"]["rules"]) == (
        False,
        before["version"],
        ["heavy"],
    )
    assert cli.json("config", "show") == before

    (waiting,) = cli.json("config", "proposals")
    assert (waiting["proposal"], waiting["state"], waiting["proposed_by"]) == (number, "open", "ana")
    assert "people.remind_after" in {one["path"] for one in waiting["changes"]}

    own = cli.run("config", "approve", str(number), "--as", "ana")
    assert own.exit_code == 1
    assert "somebody else must approve it" in own.stderr

    assert cli.run("config", "approve", str(number), "--as", "Ana").exit_code == 1

    approved = cli.json("config", "approve", str(number), "--as", "ben")
    assert (approved["version"], approved["changed"]) == (before["version"] + 1, True)
    assert cli.json("config", "show")["configuration"]["routing"]["rules"][1]["name"] == "heavy"
    assert cli.json("config", "proposals") == []
    decided = cli.json("config", "proposals", "--all")[-1]
    assert (decided["state"], decided["proposed_by"], decided["decided_by"]) == ("approved", "ana", "ben")
    assert decided["decided_at"] >= decided["proposed_at"]


def test_proposing_approving_and_rejecting_again_change_nothing(cli: CommandLine, file: Path) -> None:
    number = propose(cli, file)["proposal"]["id"]
    assert propose(cli, file, by="eva")["proposal"]["id"] == number
    version = cli.json("config", "approve", str(number), "--as", "ben")["version"]

    assert cli.json("config", "approve", str(number), "--as", "ana") == {
        "version": version,
        "changed": False,
        "changes": [],
    }
    assert propose(cli, file) == {"version": version, "changed": False, "changes": []}
    refused = cli.run("config", "reject", str(number), "--as", "ben")
    assert refused.exit_code == 1
    assert "was approved by ben" in refused.stderr


def test_what_an_older_dropwright_proposed_is_found_under_the_version_it_became(
    cli: CommandLine, database: Database, file: Path
) -> None:
    number = propose(cli, file)["proposal"]["id"]
    older = "UPDATE configuration_proposals SET document = document - 'backorders', digest = 'older' WHERE id = :id"
    with database.begin() as tx:
        tx.execute(text(older), {"id": number})
    version = cli.json("config", "approve", str(number), "--as", "ben")["version"]

    again = cli.json("config", "approve", str(number), "--as", "ben")

    assert (again["version"], again["changed"]) == (version, False)


def test_a_rejected_proposal_is_not_approved_any_more(cli: CommandLine, file: Path) -> None:
    number = propose(cli, file)["proposal"]["id"]

    assert cli.json("config", "reject", str(number), "--as", "ben") == {"proposal": number, "changed": True}
    assert cli.json("config", "reject", str(number), "--as", "ben") == {"proposal": number, "changed": False}
    refused = cli.run("config", "approve", str(number), "--as", "ben")
    assert refused.exit_code == 1
    assert f"proposal {number} was rejected" in refused.stderr
    assert propose(cli, file)["proposal"]["id"] > number


def test_a_proposal_is_outdated_once_another_version_was_applied(cli: CommandLine, file: Path) -> None:
    number = propose(cli, file)["proposal"]["id"]
    version = cli.json("config", "mode", "--channel", "main", "approve")["version"]

    refused = cli.run("config", "approve", str(number), "--as", "ben")

    assert refused.exit_code == 1
    assert f"proposal {number} is outdated" in refused.stderr
    assert cli.json("config", "show")["version"] == version
    assert cli.json("config", "proposals") == []
    assert cli.json("config", "proposals", "--all")[-1]["state"] == "outdated"


def test_the_mark_can_not_be_taken_away_by_one_person(cli: CommandLine, file: Path, database: Database) -> None:
    apply_configuration(database, **rules(USUAL, MARKED))
    wanted = Configuration.model_validate(document(**rules(USUAL, {**MARKED, "high_impact": False})))
    file.write_text(to_toml(wanted))

    said = cli.run("config", "apply", str(file), "--yes", "--as", "ana")

    assert said.exit_code == 0
    assert "Somebody other than ana" in said.stdout
    assert cli.json("config", "show")["configuration"]["routing"]["rules"][1]["high_impact"]


def test_the_first_version_needs_nobody_else(cli: CommandLine, database: Database) -> None:
    wanted = Configuration.model_validate(document(**rules(MARKED)))

    outcome = applying.bring_in(database, applying.Standing(None, {}, None), wanted, by="ana")

    assert (outcome.changed, outcome.proposal) == (True, None)
    assert "nothing waits" in cli.run("config", "proposals").stdout
    assert cli.run("config", "approve", "999999").exit_code == 1


def test_a_version_that_can_not_be_read_any_more_hides_no_high_impact_rule(
    cli: CommandLine, database: Database, file: Path
) -> None:
    older = stored(USUAL, {**MARKED, "name": "of old"}) | {"gone": "since"}
    insert = text(
        "INSERT INTO configurations (document, digest, applied_at, applied_by) VALUES (:old, 'x', now(), 'a')"
    )
    with database.begin() as tx:
        tx.execute(insert, {"old": json.dumps(older)})

    proposed = cli.run("config", "apply", str(file), "--yes", "--json", "--as", "ana")

    assert "no comparison is possible" in proposed.stderr
    proposal = json.loads(proposed.stdout)["proposal"]
    assert set(proposal["rules"]) == {"of old", "heavy"}
    assert cli.run("config", "approve", str(proposal["id"]), "--as", "ben").exit_code == 0


def test_of_several_who_approve_at_once_one_makes_the_version(database: Database, cli: CommandLine, file: Path) -> None:
    number = propose(cli, file)["proposal"]["id"]

    def approve(by: str) -> tuple[int, bool]:
        return proposals.approve(database, number, by=by, now=datetime.now(UTC))

    with ThreadPoolExecutor(4) as pool:
        became = list(pool.map(approve, ["ben", "eva", "tom", "ida"]))

    assert len({version for version, _ in became}) == 1
    assert sum(changed for _, changed in became) == 1


def test_a_file_for_the_first_start_is_neither_asked_about_nor_applied_later(cli: CommandLine, file: Path) -> None:
    version = cli.json("config", "show")["version"]

    assert cli.json("config", "apply", str(file), "--first") == {"version": version, "changed": False, "changes": []}


def test_a_proposal_strands_no_open_order(cli: CommandLine, database: Database, shop: Shop, file: Path) -> None:
    apply_configuration(database)
    wanted = document(routing={"priority": ["bts"], "rules": [{**MARKED, "only": ["bts"]}]})
    del wanted["suppliers"]["other"]
    file.write_text(to_toml(Configuration.model_validate(wanted)))
    number = propose(cli, file)["proposal"]["id"]
    shop.open(suppliers=("other",))

    refused = cli.run("config", "approve", str(number), "--as", "ben")

    assert refused.exit_code == 1
    assert "open orders still need other" in refused.stderr
    assert cli.json("config", "approve", str(number), "--as", "ben", "--force")["changed"]


def test_what_is_new_and_empty_is_left_out_of_the_lines() -> None:
    changes = [
        Change(path="routing.rules[new].when.tags", before=None, after="[]"),
        Change(path="routing.rules[new].only", before=None, after='["own"]'),
        Change(path="routing.exclude", before='["bts"]', after="[]"),
    ]

    assert change_lines(changes) == ['+ routing.rules[new].only = ["own"]', '~ routing.exclude: ["bts"] → []']
