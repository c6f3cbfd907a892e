"""What a supplier offers, as its profile describes it. Pure."""

from adapters.suppliers.generic_rest.profile import RestProfile
from models.suppliers import Arrival, Capabilities, DoubtMeans


def capabilities_of(profile: RestProfile, *, listens: bool) -> Capabilities:
    """Say what a supplier offers: what its profile describes, and no more."""
    told = Arrival.BOTH if profile.webhook and listens else Arrival.POLL
    parcels, lines = profile.order.parcels, profile.order.lines
    return Capabilities(
        live_rates=profile.operations.quote_shipping is not None,
        live_stock=profile.operations.fetch_stock is not None,
        doubt=DoubtMeans(profile.doubt),
        visibility_delay=profile.visibility_delay,
        cancel=profile.operations.cancel_order is not None,
        acknowledgement=told,
        shipment=told,
        line_level_acknowledgements=lines is not None,
        line_level_shipments=parcels is not None and parcels.lines is not None,
        test_orders=profile.test_orders,
        api_version=profile.api_version,
        calls_per_second=profile.calls_per_second,
        concurrent_calls=profile.concurrent_calls,
        acknowledges_within=profile.acknowledges_within,
        ships_within=profile.ships_within,
    )
