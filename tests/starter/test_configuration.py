import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from adapters.database.engine import Database
from models.configuration import Channel, Configuration, Mail, People, Routing, Supplier
from models.feeds import Column, Feed, Thresholds
from models.pricing import Pricing
from models.supply import LowStock, Publishing, Reconciling, Supply
from starter.configuration_files import BadConfigurationError, read_file, to_toml, validate
from starter.settings import Settings
from tests.starter.world import CommandLine, Shop, document

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
    Mail: "## `[mail]`",
    People: "## `[people]`",
    Feed: "## `[suppliers.NAME.feeds.NAME]`",
    Column: "### `columns.FIELD`",
    Thresholds: "### `thresholds`",
    Publishing: "## `[channels.NAME.publishing]`",
    Pricing: "## `[channels.NAME.publishing.pricing]`",
    Supply: "## `[supply]`",
    Reconciling: "## `[reconciling]`",
    LowStock: "## `[low_stock]`",
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_documentation_has_a_row_for_every_setting_and_no_other(section: type[Any]) -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text()
    part = re.split(r"\n###? ", text.split(f"\n{SECTIONS[section]}")[1])[0]

    assert re.findall(r"^\| `(\w+)`", part, re.M) == list(section.model_fields)


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
    "an unknown supplier in routing": (broken(**{"routing.priority": '["nobody"]'}), "(whole file)", "nobody"),
    "a supplier twice in routing": (broken(**{"routing.priority": '["bts", "bts"]'}), "(whole file)", "twice"),
    "a port that is none": (broken(**{"mail.port": "99999"}), "mail.port", "65535"),
    "no mail address": (broken(**{"mail.alerts_to": '"ops"'}), "mail.alerts_to", "pattern"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_the_path_of_what_is_wrong(name: str, cli: CommandLine, tmp_path: Path) -> None:
    content, path, problem = BROKEN[name]
    file = tmp_path / "broken.toml"
    file.write_text(content)

    found = cli.json("config", "check", str(file), code=1)
    said = cli.run("config", "check", str(file))

    assert found["valid"] is False
    assert any(one["path"] == path and problem in one["problem"] for one in found["problems"]), found
    assert said.exit_code == 1
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


def test_a_bad_file_applies_nothing(cli: CommandLine, tmp_path: Path) -> None:
    before = cli.json("config", "show")["version"]
    file = tmp_path / "dropwright.toml"
    file.write_text(broken(**{"mail.port": "0"}))

    assert cli.run("config", "apply", str(file)).exit_code == 1
    assert cli.json("config", "show")["version"] == before


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
    assert cli.json("config", "apply", str(file), "--force")["changed"]


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
