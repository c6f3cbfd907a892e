"""What a score is made of, in words, and over which time it is figured out."""

from datetime import timedelta

from models.routing import FEWEST_JUDGED, Scorecard

QUALITY_WINDOW = timedelta(days=90)  # lateness, cancellations, errors
SHARE_WINDOW = timedelta(days=30)  # a supplier's part of all purchase orders


def explanation(card: Scorecard) -> str:
    """Say what a supplier lost points for, e.g. "100 less 8 for 20 % late": the sum that the router counts with."""
    if card.purchase_orders < FEWEST_JUDGED:
        return f"too few to judge: {card.purchase_orders} of {FEWEST_JUDGED} purchase orders"
    shares = {"late": card.late_share, "cancelled": card.cancelled_share, "errors": card.error_share}
    lost = [
        f"{points:.3g} for {100 * shares[failing]:.3g} % {failing}"
        for failing, points in card.deductions.items()
        if points
    ]
    return f"100 less {', '.join(lost)}" if lost else "nothing went wrong"
