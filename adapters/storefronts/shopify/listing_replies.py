"""What Shopify answers about what is on sale: one model per document of ``documents``, from ``Listings`` on."""

from adapters.storefronts.shopify.replies import Page, Ref, Reply, UserError


class Numbered(Reply):
    """Something of which we only need the REST id."""

    legacy_resource_id: str


class Quantity(Reply):
    """How much there is of one of the quantities that were asked for by name."""

    quantity: int


class Level(Reply):
    """An inventory item at our location."""

    quantities: tuple[Quantity, ...]


class Item(Reply):
    """What is counted of a variant. No level: not stocked at our location, or not asked for."""

    legacy_resource_id: str
    tracked: bool
    inventory_level: Level | None = None


class Value(Reply):
    """A metafield, read for its value."""

    value: str


class ListedVariant(Reply):
    """A variant as the shop has it."""

    legacy_resource_id: str
    sku: str | None
    barcode: str | None
    display_name: str
    price: str
    product: Numbered
    inventory_item: Item
    metafield: Value | None


class Listings(Reply):
    """Answer to ``Listings``."""

    product_variants: Page[ListedVariant]


class ListingsById(Reply):
    """Answer to ``ListingsById``; None where a variant is gone."""

    nodes: tuple[ListedVariant | None, ...]


class Outcome(Reply):
    """What one of the three writes answers: nothing, where all of it was taken."""

    user_errors: tuple[UserError, ...]


class QuantitiesSet(Reply):
    """Answer to ``SetQuantities``."""

    inventory_set_quantities: Outcome


class PricesSet(Reply):
    """Answer to ``SetPrices``."""

    product_variants_bulk_update: Outcome


class WordsSet(Reply):
    """Answer to ``SetWords``."""

    metafields_set: Outcome


class UploadParameter(Reply):
    """One field of the form that a file is uploaded with."""

    name: str
    value: str


class UploadTarget(Reply):
    """Where a file may be put, and what must be said there."""

    url: str
    parameters: tuple[UploadParameter, ...]


class ReservedUploads(Reply):
    """The targets that were reserved."""

    staged_targets: tuple[UploadTarget, ...] | None
    user_errors: tuple[UserError, ...]


class UploadReserved(Reply):
    """Answer to ``ReserveUpload``."""

    staged_uploads_create: ReservedUploads


class StartedBulk(Reply):
    """A bulk operation that was started, or why not."""

    bulk_operation: Ref | None
    user_errors: tuple[UserError, ...]


class BulkStarted(Reply):
    """Answer to ``RunBulk``."""

    bulk_operation_run_mutation: StartedBulk


class RecentBulk(Reply):
    """A bulk operation of ours, read for the document it runs."""

    id: str
    status: str
    query: str


class RecentBulks(Reply):
    """Answer to ``RecentBulks``."""

    bulk_operations: Page[RecentBulk]


class Bulk(Reply):
    """A bulk operation as it stands. Counts are decimal strings."""

    status: str
    error_code: str | None
    object_count: str
    file_size: str | None
    url: str | None


class BulkStanding(Reply):
    """Answer to ``BulkState``; None where Shopify no longer knows it."""

    bulk_operation: Bulk | None


class VariantByBarcode(Reply):
    """A variant that carries a barcode, and its product."""

    barcode: str | None
    product: Numbered


class ProductsByBarcode(Reply):
    """Answer to ``ProductsByBarcode``."""

    product_variants: Page[VariantByBarcode]


class ProductByHandle(Reply):
    """Answer to ``ProductByHandle``."""

    product_by_identifier: Numbered | None


class SetProduct(Reply):
    """The product that was created, or why not."""

    product: Numbered | None
    user_errors: tuple[UserError, ...]


class DraftCreated(Reply):
    """Answer to ``CreateDraft``."""

    product_set: SetProduct


class LocationState(Reply):
    """A location, read for whether it can stock anything."""

    is_active: bool


class LocationFound(Reply):
    """Answer to ``Location``; None where there is no such location."""

    location: LocationState | None
