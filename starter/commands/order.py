"""Everything that is done to one order: look at it, bring it in, steer it."""

import typer

from models.commands import CommandName
from starter.commands import importing, orders, steering

STEERING = {
    CommandName.HOLD: "Stop an order before the next step that leaves the house.",
    CommandName.RELEASE: "Go on: end a hold, or try the step again that a person was asked about.",
    CommandName.CANCEL: "End an order. What a supplier has already is asked about, and followed to its end.",
    CommandName.APPROVE: "Order as planned, or go on without the step that was refused.",
    CommandName.REJECT: "Do not order what waits for approval: the order ends as cancelled.",
    CommandName.REROUTE: "Leave the supplier out that is asked about, and plan the open quantity again.",
    CommandName.ASK_CUSTOMER: "Answer a shortage: the customer gets a mail with a link, and says what shall be done.",
    CommandName.SHIP_AVAILABLE: "Answer a shortage: deliver what is there, cancel the rest.",
    CommandName.RESUBMIT: "Answer a submission in doubt: the supplier does not have it, send it once more.",
}

app = typer.Typer(no_args_is_help=True, help="Look at one order, bring orders in, steer them.")
app.command("show")(orders.show_order)
app.command("import")(importing.import_orders)
for _name, _explanation in STEERING.items():
    app.command(_name.replace("_", "-"))(steering.simple(_name, _explanation))
app.command("confirm-submission")(steering.confirm_submission)
app.command("mark-shipped")(steering.mark_shipped)
app.command("extend-tracking")(steering.extend_tracking)
app.command("wait")(steering.wait)
app.command("change-address")(steering.change_address)
