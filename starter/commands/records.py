"""Commands on what stands beside orders: article mappings, the outbox."""

from typing import Annotated

import typer

from adapters.database import registers
from adapters.database.configurations import ConfigurationStore
from models.statuses import MailState
from starter.commands import tasks
from starter.console import AsJson, CommandFailedError, Who, acting, console, print_table, read_settings, write_json
from starter.opening import opened_database

article = typer.Typer(no_args_is_help=True, help="Which article a storefront's variant is.")


@article.command("map")
def map_article(
    *,
    channel: Annotated[str, typer.Option(help="The channel whose variant it is.")],
    variant: Annotated[str, typer.Option(help="The variant's id there.")],
    ean: Annotated[str, typer.Option(help="The article's EAN.")],
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say which article a variant is; this outranks the storefront's barcode, for every order from now on.

    Orders that wait for it go on with `dropwright order release --where category=article_unknown`.

    Example: dropwright article map --channel main --variant 900 --ean 4006381333931

    JSON: {"channel", "variant", "ean"}
    """
    with opened_database(read_settings()) as database:
        known = ConfigurationStore(database).current().configuration.channels
        if channel not in known:
            raise CommandFailedError(f"there is no channel {channel}: {', '.join(known)}")
        kept = tasks.map_article(database, channel, variant, ean, acting(who))
    if as_json:
        write_json({"channel": channel, "variant": variant, "ean": kept})
    else:
        console().print(f"variant {variant} of {channel} is {kept}")


def list_mails(
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="List those that were refused, or may arrive twice.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count the mails in the outbox by state. Recipients and texts are not shown.

    Example: dropwright mails --failed

    JSON: {"pending": int, "sending", "sent", "may_repeat", "refused"}; with --failed also "failed": [{"id", "kind",
    "audience", "order_id", "state", "attempts", "created_at", "sent_at"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        counts = registers.mail_counts(tx)
        listed = registers.list_mails(tx, (MailState.REFUSED, MailState.MAY_REPEAT)) if failed else []
    if as_json:
        write_json(counts | ({"failed": listed} if failed else {}))
        return
    print_table(("state", "mails"), [(state.replace("_", " "), count) for state, count in counts.items()])
    if listed:
        print_table(list(listed[0]), [list(mail.values()) for mail in listed])
