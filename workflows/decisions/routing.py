"""Who gets a line: a pure function from open lines, offers and rules to a plan with reasons.

The rule for now is a priority list: each line goes whole to the first supplier that has enough of it.
"""

from collections.abc import Mapping, Sequence

from models.routing import Because, RoutingPlan, Rules, WantedLine
from models.suppliers import Offer


def route(lines: Sequence[WantedLine], offers: Mapping[str, Mapping[str, Offer]], rules: Rules) -> RoutingPlan:
    """Plan every line. ``offers`` maps supplier to EAN to offer; a supplier that is absent from it gave no answer."""
    left = {supplier: {ean: offer.quantity for ean, offer in known.items()} for supplier, known in offers.items()}
    plan = RoutingPlan(shares={}, unroutable=[])
    for line in lines:
        verdicts = {supplier: _judge(line, supplier, offers, left, rules) for supplier in rules.priority}
        winner = next((supplier for supplier, verdict in verdicts.items() if verdict == "chosen"), None)
        plan.reasons[line.line_id] = {
            supplier: "lower priority" if verdict == "chosen" and supplier != winner else verdict
            for supplier, verdict in verdicts.items()
        }
        if winner is None:
            plan.unroutable.append(line)
        else:
            left[winner][line.ean] -= line.quantity
            plan.shares.setdefault(winner, []).append(line)
    return plan


def _judge(
    line: WantedLine,
    supplier: str,
    offers: Mapping[str, Mapping[str, Offer]],
    left: Mapping[str, Mapping[str, int]],
    rules: Rules,
) -> Because:
    if supplier in rules.excluded:
        return "excluded"
    if supplier in rules.disabled:
        return "switched off"
    if supplier not in offers:
        return "no answer"
    offer = offers[supplier].get(line.ean)
    if offer is None or not offer.known:
        return "article unknown"
    return "chosen" if left[supplier][line.ean] >= line.quantity else "not enough stock"
