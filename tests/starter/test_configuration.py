import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.database.engine import Database
from models.backordering import BackorderPolicy, BackorderRule, Backorders, Customers
from models.configuration import Channel, Configuration, Mail, People, Portal, Supplier
from models.feeds import Column, Feed, Thresholds
from models.pricing import Pricing
from models.routing_rules import Conditions, CustomsRow, Routing, Rule, Weights
from models.routing_rules import Settings as RuleSettings
from models.stock import Buffer, Stock
from models.supply import LowStock, Publishing, Reconciling, Supply
from models.supplying import Acknowledging, Outages
from models.terms import ShippingRow, Terms, WorkingCalendar
from starter import applying
from starter.applying import refuse_to_strand
from starter.configuration_files import BadConfigurationError, Change, differences, read_file, to_toml, validate
from starter.console import CommandFailedError
from starter.settings import Settings
from tests.starter.world import CommandLine, Shop, apply_configuration, document

PROJECT = Path(__file__).parents[2]
EXAMPLE = PROJECT / "dropwright.example.toml"
GOOD = to_toml(Configuration.model_validate(document()))


def test_the_example_is_valid() -> None:
    assert read_file(EXAMPLE).channels["main"].mode == "observe"


def test_the_example_names_every_setting() -> None:
    written = EXAMPLE.read_text()
    for section in (Channel, Supplier, Routing, Mail, People):
        missing = [name for name in section.model_fields if not re.search(rf"^(#\s+)*(\[.*\.)?{name}\b", written, re.M)]
        assert missing == [], section.__name__


def test_what_the_example_comments_out_is_the_default() -> None:
    uncommented = re.sub(
        r"^# (\w+ = (?!\"SHOPIFY_MAIN_OLD|\"https|\"management))", r"\1", EXAMPLE.read_text(), flags=re.M
    )
    uncommented = uncommented.replace("# [people]", "[people]")
    uncommented = re.sub(r"^payment_method = .*$", "", uncommented, flags=re.M)
    assert validate("example", tomllib.loads(uncommented)) == read_file(EXAMPLE)


SECTIONS: dict[type[Any], str] = {
    Channel: "## `[channels.NAME]`",
    Supplier: "## `[suppliers.NAME]`",
    Routing: "## `[routing]`",
    RuleSettings: "### What `[routing]` and every rule can set",
    Rule: "### `rules`",
    Conditions: "### `when`",
    Weights: "### `weights`",
    CustomsRow: "### `customs`",
    Mail: "## `[mail]`",
    People: "## `[people]`",
    Feed: "## `[suppliers.NAME.feeds.NAME]`",
    Column: "### `columns.FIELD`",
    Thresholds: "### `thresholds`",
    Publishing: "## `[channels.NAME.publishing]`",
    Pricing: "## `[channels.NAME.publishing.pricing]`",
    Supply: "## `[supply]`",
    Acknowledging: "## `[suppliers.NAME.acknowledging]`",
    Outages: "## `[suppliers.NAME.outages]`",
    Portal: "## `[portal]`",
    Terms: "## `[suppliers.NAME.terms]`",
    WorkingCalendar: "### `calendar`",
    ShippingRow: "### `shipping`",
    Stock: "## `[stock]`",
    Buffer: "### `buffers`",
    Backorders: "## `[backorders]`",
    BackorderPolicy: "### What `[backorders]` and every rule of it can set",
    BackorderRule: "### `backorders.rules`",
    Customers: "## `[customers]`",
    Reconciling: "## `[reconciling]`",
    LowStock: "## `[low_stock]`",
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_documentation_has_a_row_for_every_setting_and_no_other(section: type[Any]) -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text()
    part = re.split(r"\n###? ", text.split(f"\n{SECTIONS[section]}")[1])[0]

    inherited = {name for base in section.__mro__[1:] if base in SECTIONS for name in base.model_fields}
    own = [name for name in section.model_fields if name not in inherited]
    assert re.findall(r"^\| `(\w+)`", part, re.M) == own


def test_the_documentation_has_a_row_for_every_environment_variable() -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text()

    rows = dict(re.findall(r"^\| `DROPWRIGHT_(\w+)` \| ?`?([^|`]*)`? \|", text, re.M))
    assert rows == {name.upper(): _shown(field.default) for name, field in Settings.model_fields.items()}


def _shown(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_what_is_shown_as_toml_reads_back_to_the_same(tmp_path: Path) -> None:
    written = document(people={"remind_after": "90m", "escalate_after": "1d 6h"}, routing={"priority": ["other"]})
    written["supply"] = {"precedence": {"*": ["bts"]}, "holds": [{"up_to": "0.6", "suppliers": ["bts"]}]}
    rules = [{"name": "cheap", "cost_below": "10", "markup": "0.8"}, {"name": "usual", "markup": "0.4"}]
    written["channels"]["main"]["publishing"] = {"buffer_share": 0.1, "pricing": {"rules": rules, "endings": ["0.99"]}}
    columns = {
        "sku": "Ref",
        "quantity": {"column": "Stock", "values": {"in stock": "10"}},
        "attributes.colour": "Farbe",
    }
    written["suppliers"]["bts"]["feeds"] = {"stock": {"kind": "stock", "source": "file:///feeds", "columns": columns}}
    configuration = Configuration.model_validate(written)
    file = tmp_path / "shown.toml"
    file.write_text(to_toml(configuration))

    assert read_file(file) == configuration


def broken(**changes: str) -> str:
    lines = [line for line in GOOD.splitlines() if line.partition(" = ")[0] not in changes]
    return "\n".join([*lines, *(f"{path} = {value}" for path, value in changes.items() if value)])


BROKEN = {
    "not TOML": ("channels = [", "(file)", "is not TOML"),
    "a setting there is not": (broken(**{"people.remind_aftr": '"4h"'}), "people.remind_aftr", "no such setting"),
    "a missing setting": (broken(**{"mail.host": ""}), "mail.host", "is required"),
    "a missing section": (
        "\n".join(line for line in GOOD.splitlines() if not line.startswith("routing")),
        "routing",
        "is required",
    ),
    "an unknown mode": (broken(**{"channels.main.mode": '"lively"'}), "channels.main.mode", "'observe'"),
    "a credential instead of its name": (
        broken(**{"channels.main.token_env": '"shpat-planted"'}),
        "channels.main.token_env",
        "never the credential itself",
    ),
    "a time without its zone": (
        broken(**{"channels.main.start_watermark": "2026-01-01T00:00:00"}),
        "channels.main.start_watermark",
        "timezone",
    ),
    "a length that is none": (broken(**{"people.remind_after": '"soon"'}), "people.remind_after", "duration"),
    "an interval of zero": (
        broken(**{"suppliers.bts.tracking_plan": '["24h", "0s"]'}),
        "suppliers.bts",
        "longer than zero",
    ),
    "an interval that is none": (
        broken(**{"suppliers.bts.tracking_plan": '["24h", "x"]'}),
        "suppliers.bts.tracking_plan[1]",
        "duration",
    ),
    "a name in upper case": (GOOD.replace("suppliers.bts.", "suppliers.BTS."), "suppliers.BTS", "lower case"),
    "an unknown supplier in routing": (broken(**{"routing.priority": '["nobody"]'}), "routing.priority[0]", "nobody"),
    "a supplier twice in routing": (broken(**{"routing.priority": '["bts", "bts"]'}), "routing.priority[1]", "twice"),
    "a port that is none": (broken(**{"mail.port": "99999"}), "mail.port", "65535"),
    "no mail address": (broken(**{"mail.alerts_to": '"ops"'}), "mail.alerts_to", "pattern"),
}


def test_what_is_missing_is_told_as_it_is_written(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "begun.toml"
    file.write_text("[suppliers.acme]\n[mail]\n")
    remedies = {one["path"]: one["remedy"] for one in cli.json("config", "check", str(file), code=1)["problems"]}
    assert remedies["channels"] == "add a table [channels.NAME]"
    assert remedies["routing"] == "add the table [routing]"
    assert remedies["mail.host"] == "add host = …"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_the_path_of_what_is_wrong(name: str, cli: CommandLine, tmp_path: Path) -> None:
    content, path, problem = BROKEN[name]
    file = tmp_path / "broken.toml"
    file.write_text(content)

    found = cli.json("config", "check", str(file), code=1)
    said = cli.run("config", "check", str(file))

    assert found["valid"] is False
    (fitting,) = [one for one in found["problems"] if one["path"] == path and problem in one["problem"]]
    assert fitting["remedy"]
    assert said.exit_code == 1
    if fitting["line"]:
        assert f"broken.toml:{fitting['line']}: {path}" in said.stderr
    assert path in said.stderr
    assert "Traceback" not in said.output
    assert "planted" not in said.output


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(broken(**{"mail.port": "0", "people.remind_after": '"soon"', "mail.hots": '"x"'}))

    with pytest.raises(BadConfigurationError) as caught:
        read_file(file)

    assert {one.path for one in caught.value.problems} == {"mail.port", "people.remind_after", "mail.hots"}


def test_a_file_that_is_not_there_is_said_so(cli: CommandLine, tmp_path: Path) -> None:
    result = cli.run("config", "apply", str(tmp_path / "none.toml"))

    assert result.exit_code == 1
    assert "there is no file" in result.stderr


def test_applying_shows_what_changes_and_again_changes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "dropwright.toml"
    file.write_text(GOOD)
    first = cli.json("config", "apply", str(file), "--as", "ana")

    assert cli.json("config", "apply", str(file)) == {"version": first["version"], "changed": False, "changes": []}

    file.write_text(broken(**{"people.remind_after": '"8h"', "mail.sender_name": '"Shop"'}))
    second = cli.json("config", "apply", str(file))
    assert second["version"] == first["version"] + 1
    assert {one["path"]: (one["before"], one["after"]) for one in second["changes"]} == {
        "people.remind_after": ('"4h"', '"8h"'),
        "mail.sender_name": ('""', '"Shop"'),
    }


BAD_RULES = {
    "contradictory": ('{ name = "a", only = ["bts"], exclude = ["bts"] }', "rules[0].only[0]", "out of exclude"),
    "unreachable": ('{ name = "a", urgent = true }, { name = "b", urgent = false }', "rules[1]", "further up"),
    "misspelt": ('{ name = "a", onyl = ["bts"] }', "rules[0].onyl", "did you mean only?"),
    "of an unknown supplier": ('{ name = "a", only = ["btz"] }', "rules[0].only[0]", 'did you mean "bts"?'),
    "of negative weight": ('{ name = "a", weights.split = -1 }', "rules[0].weights.split", "within the bounds"),
}


@pytest.mark.parametrize("name", [*BAD_RULES, "with substitutes in a circle"])
def test_bad_rules_are_refused_with_file_line_and_remedy_and_the_running_version_stays(
    name: str, cli: CommandLine, tmp_path: Path
) -> None:
    cli.json("config", "mode", "--supplier", "bts", "live")
    before = cli.json("config", "show")
    rules, path, remedy = BAD_RULES.get(name, ("", "stock.substitutes.A", "take"))
    changes = {"routing.rules": f"[{rules}]"} if rules else {"stock.substitutes": '{ A = ["B"], B = ["A"] }'}
    text = broken(**changes)
    file = tmp_path / "dropwright.toml"
    file.write_text(text)

    said = cli.run("config", "apply", str(file), "--yes")

    assert said.exit_code == 1
    (told,) = [line for line in said.stderr.splitlines() if f"{path}: " in line]
    assert told.strip().startswith(f"dropwright.toml:{len(text.splitlines())}: ")
    assert remedy in told
    assert cli.json("config", "show") == before


def test_a_bad_file_applies_nothing(cli: CommandLine, tmp_path: Path) -> None:
    before = cli.json("config", "show")["version"]
    file = tmp_path / "dropwright.toml"
    file.write_text(broken(**{"mail.port": "0"}))

    assert cli.run("config", "apply", str(file)).exit_code == 1
    assert cli.json("config", "show")["version"] == before


def test_who_delivers_is_changed_by_a_yes_only(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dropwright.toml"
    file.write_text(GOOD)
    cli.json("config", "apply", str(file), "--yes")
    file.write_text(broken(**{"routing.priority": '["other", "bts"]'}))

    unasked = cli.run("config", "apply", str(file))
    monkeypatch.setattr(applying, "at_a_terminal", lambda: True)
    refused = cli.run("config", "apply", str(file), input="n\n")
    agreed = cli.run("config", "apply", str(file), input="y\n")

    assert (unasked.exit_code, refused.exit_code, agreed.exit_code) == (1, 1, 0)
    assert "--yes" in unasked.stderr
    assert '~ routing.priority: ["bts", "other"] → ["other", "bts"]' in refused.stderr
    assert "Apply this?" in refused.stderr
    assert "the version in force stays" in refused.stderr
    assert "applied" in agreed.stdout


def test_what_a_change_of_routing_does_to_stored_orders_is_told_before_it_is_asked(
    cli: CommandLine, shop: Shop, tmp_path: Path
) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    shop.order(created_at=now, processed_at=now, updated_at=now)
    file = tmp_path / "dropwright.toml"
    file.write_text(broken(**{"routing.priority": '["other"]'}))

    unasked = cli.run("config", "apply", str(file))
    agreed = cli.json("config", "apply", str(file), "--yes")

    assert unasked.exit_code == 1
    assert agreed["rehearsal"][0].startswith("rehearsed on all ")
    assert agreed["rehearsal"][0] in unasked.stderr


def test_every_table_that_decides_who_delivers_is_asked_about_and_no_other(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "dropwright.toml"
    file.write_text(GOOD)
    cli.json("config", "apply", str(file), "--yes")

    def code(**changes: str) -> int:
        file.write_text(broken(**changes))
        return cli.run("config", "apply", str(file)).exit_code

    assert code(**{"suppliers.bts.terms.minimum_order": '"50"'}) == 1
    assert code(**{"stock.reservations_kept": '"3d"'}) == 1
    assert code(**{"backorders.wait": '"3d"'}) == 1
    assert code(**{"people.remind_after": '"7h"'}) == 0


def test_what_was_agreed_to_is_not_applied_over_somebody_elses_version(
    cli: CommandLine, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dropwright.toml"
    file.write_text(broken(**{"stock.reservations_kept": '"4d"'}))

    def applied_meanwhile(*_: Any) -> list[str]:
        apply_configuration(database, people={"remind_after": "3h"})
        return []

    monkeypatch.setattr(applying, "_rehearse", applied_meanwhile)
    refused = cli.run("config", "apply", str(file), "--yes")

    assert refused.exit_code == 1
    assert "run the command again" in refused.stderr
    assert cli.json("config", "show")["configuration"]["people"]["remind_after"] == "PT3H"


def test_a_change_of_rules_is_told_rule_by_rule() -> None:
    def with_rules(*rules: dict[str, Any]) -> Configuration:
        return Configuration.model_validate(document(routing={"priority": ["bts", "other"], "rules": rules}))

    heavy = {"name": "heavy", "when": {"kg_from": 10}, "only": ["bts"]}
    gifts = {"name": "gifts", "when": {"tags": ["gift"]}, "split_orders": False}

    assert differences(with_rules(heavy, gifts), with_rules(gifts, {**heavy, "when": {"kg_from": 20}})) == [
        Change("routing.rules", '["heavy", "gifts"]', '["gifts", "heavy"]'),
        Change("routing.rules[heavy].when.kg_from", '"10"', '"20"'),
    ]
    assert differences(with_rules(heavy), with_rules()) == [
        Change("routing.rules", '["heavy"]', "[]"),
        Change("routing.rules[heavy].only", '["bts"]', None),
        *(
            Change(f"routing.rules[heavy].when.{name}", value, None)
            for name, value in _shown_conditions(with_rules(heavy))
        ),
    ]


def _shown_conditions(configuration: Configuration) -> list[tuple[str, str]]:
    path = "routing.rules[heavy].when."
    return [
        (one.path.removeprefix(path), str(one.after))
        for one in differences(None, configuration)
        if one.path.startswith(path)
    ]


def test_a_mode_is_changed_by_name_as_a_new_version(cli: CommandLine) -> None:
    before = cli.json("config", "show")["version"]

    changed = cli.json("config", "mode", "--supplier", "bts", "observe")

    assert changed["version"] == before + 1
    assert [(one["path"], one["after"]) for one in changed["changes"]] == [("suppliers.bts.mode", '"observe"')]
    assert {one["supplier"]: one["mode"] for one in cli.json("suppliers")} == {"bts": "observe", "other": "live"}
    assert cli.run("config", "mode", "--channel", "nobody", "live").exit_code == 1
    assert cli.run("config", "mode", "live").exit_code == 2
    assert cli.json("config", "mode", "--supplier", "bts", "live")["changed"]


def test_a_supplier_that_open_orders_need_is_not_removed(
    cli: CommandLine, database: Database, shop: Shop, tmp_path: Path
) -> None:
    shop.open(suppliers=("other",))
    file = tmp_path / "dropwright.toml"
    file.write_text(
        "\n".join(line for line in GOOD.splitlines() if not line.startswith("suppliers.other")).replace(
            '["bts", "other"]', '["bts"]'
        )
    )

    refused = cli.run("config", "apply", str(file))

    assert refused.exit_code == 1
    assert "open orders still need other" in refused.stderr
    assert cli.json("config", "apply", str(file), "--force", "--yes")["changed"]


def test_a_supplier_that_open_orders_need_keeps_its_adapter(
    cli: CommandLine, database: Database, shop: Shop, tmp_path: Path
) -> None:
    shop.open()
    before = cli.json("config", "show")["configuration"]
    bts = before["suppliers"]["bts"]
    after = Configuration.model_validate(
        before | {"suppliers": before["suppliers"] | {"bts": bts | {"adapter": "another"}}}
    )

    with pytest.raises(CommandFailedError, match="open orders still go by the adapter of bts"):
        refuse_to_strand(database, Configuration.model_validate(before), after)


def test_lists_say_what_is_open(cli: CommandLine) -> None:
    (channel,) = cli.json("channels")

    assert channel["channel"] == "main"
    assert channel["open_orders"] >= 1
    assert "main" in cli.run("channels").stdout


def test_a_mistake_in_a_column_is_told_of_once_and_where_it_is() -> None:
    feed = {"kind": "stock", "source": "file:///feeds", "columns": {"sku": "Ref"}}
    constant = {**feed, "columns": {"sku": "Ref", "quantity": {"constant": "many"}}}
    factor = {**feed, "columns": {"sku": "Ref", "quantity": {"column": "Stock", "factor": "x"}}}

    def problems(wrong: dict[str, Any]) -> Any:
        written = document()
        written["suppliers"]["bts"]["feeds"] = {"stock": wrong}
        with pytest.raises(BadConfigurationError) as caught:
            validate("dropwright.toml", written)
        return [(one.path, one.problem) for one in caught.value.problems]

    assert problems(factor) == [("suppliers.bts.feeds.stock.columns.quantity", "factor: is not a number above zero")]
    assert problems(constant) == [
        ("suppliers.bts.feeds.stock", "columns.quantity: the constant 'many' is no value: number")
    ]
