"""Every GraphQL document we send to the Shopify Admin API, version 2026-10.

Shopify refuses a query whose worst case costs more than 1,000 points (an object is 1, a connection as many as it asks
for), and any query whose worst case is not in the bucket, so page sizes multiply: they fit the usual order, and what
does not fit on a first page is asked for apart.
"""

API_VERSION = "2026-10"
MAX_QUERY_COST = 1_000

# A line carries no barcode of its own: the EAN stands on the variant.
ORDER_FACTS = """
query OrderFacts($id: ID!, $after: String) {
  order(id: $id) {
    displayFinancialStatus
    cancelledAt
    lineItems(first: 50, after: $after) {
      nodes { id variant { barcode } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

_LINE_FIELDS = """
fragment LineFields on LineItem {
  id
  sku
  title
  quantity
  currentQuantity
  requiresShipping
  isGiftCard
  variant { legacyResourceId inventoryItem { measurement { weight { unit value } } } }
  originalUnitPriceSet { shopMoney { amount } }
}
"""

PAID_ORDERS = (
    """
query PaidOrders($query: String!, $after: String) {
  orders(first: 8, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id
      legacyResourceId
      name
      email
      phone
      test
      createdAt
      processedAt
      updatedAt
      cancelledAt
      displayFinancialStatus
      currencyCode
      tags
      customAttributes { key value }
      currentTotalPriceSet { shopMoney { amount } }
      shippingAddress {
        firstName lastName name company address1 address2 city provinceCode zip countryCodeV2 phone
      }
      shippingLine { code title }
      lineItems(first: 10) {
        nodes { ...LineFields }
        pageInfo { hasNextPage endCursor }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _LINE_FIELDS
)

ORDER_LINES = (
    """
query OrderLines($id: ID!, $after: String) {
  order(id: $id) {
    lineItems(first: 100, after: $after) {
      nodes { ...LineFields }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _LINE_FIELDS
)

_FULFILMENT_ORDER_LINE = """
fragment FulfillmentOrderLine on FulfillmentOrderLineItem {
  id
  remainingQuantity
  lineItem { id }
}
"""

# fulfillments is a plain list, without pages: more than this many parcels to one order are not looked for.
ORDER_FULFILMENTS = (
    """
query OrderFulfillments($id: ID!, $after: String) {
  order(id: $id) {
    fulfillments(first: 25) { id status trackingInfo { number url company } }
    fulfillmentOrders(first: 3, after: $after) {
      nodes {
        id
        status
        assignedLocation { name location { id } }
        lineItems(first: 25) {
          nodes { ...FulfillmentOrderLine }
          pageInfo { hasNextPage endCursor }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _FULFILMENT_ORDER_LINE
)

FULFILMENT_ORDER_LINES = (
    """
query FulfillmentOrderLines($id: ID!, $after: String) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes { ...FulfillmentOrderLine }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
    + _FULFILMENT_ORDER_LINE
)

FULFILMENT_LINES = """
query FulfillmentLines($id: ID!, $after: String) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 250, after: $after) {
      nodes { quantity lineItem { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

CREATE_FULFILMENT = """
mutation CreateFulfillment($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""

UPDATE_TRACKING = """
mutation UpdateTracking($id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: $notify) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""

SET_METAFIELD = """
mutation SetMetafield($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { id }
    userErrors { code field message }
  }
}
"""

GRANTED_SCOPES = """
query GrantedScopes {
  currentAppInstallation { accessScopes { handle } }
}
"""

METAFIELD_DEFINITIONS = """
query MetafieldDefinitions($after: String) {
  metafieldDefinitions(ownerType: ORDER, first: 250, after: $after) {
    nodes { namespace key type { name } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

CREATE_METAFIELD_DEFINITION = """
mutation CreateMetafieldDefinition($definition: MetafieldDefinitionInput!) {
  metafieldDefinitionCreate(definition: $definition) {
    createdDefinition { id }
    userErrors { code field message }
  }
}
"""

VARIANTS_ON_SALE = """
query VariantsOnSale($after: String) {
  productVariants(first: 250, after: $after, query: "product_status:ACTIVE") {
    nodes { legacyResourceId barcode }
    pageInfo { hasNextPage endCursor }
  }
}
"""

# Shopify counts a listing as six objects, so that 150 would be too many for one page.
LISTINGS_PAGE = 100

_LISTING_FIELDS = """
fragment ListingFields on ProductVariant {
  legacyResourceId
  sku
  barcode
  displayName
  price
  product { legacyResourceId }
  inventoryItem {
    legacyResourceId
    tracked
    inventoryLevel(locationId: $location) @include(if: $stocked) { quantities(names: ["available"]) { quantity } }
  }
  metafield(namespace: "dropwright", key: "availability") { value }
}
"""

LISTINGS = (
    """
query Listings($location: ID!, $stocked: Boolean!, $after: String) {
  productVariants(first: 100, after: $after) {
    nodes { ...ListingFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _LISTING_FIELDS
)

LISTINGS_BY_ID = (
    """
query ListingsById($location: ID!, $stocked: Boolean!, $ids: [ID!]!) {
  nodes(ids: $ids) { ...ListingFields }
}
"""
    + _LISTING_FIELDS
)

# Each of the three writes is sent on its own, or once per line of a file by a bulk operation: same variables, and
# answers without what was written, because an operation's answers are a file too.
SET_QUANTITIES = """
mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    userErrors { code field }
  }
}
"""

SET_PRICES = """
mutation SetPrices($productId: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $productId, variants: $variants, allowPartialUpdates: true) {
    userErrors { code field }
  }
}
"""

SET_WORDS = """
mutation SetWords($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    userErrors { code field elementIndex }
  }
}
"""

RESERVE_UPLOAD = """
mutation ReserveUpload($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url parameters { name value } }
    userErrors { field }
  }
}
"""

RUN_BULK = """
mutation RunBulk($mutation: String!, $path: String!, $identifier: String!) {
  bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $identifier) {
    bulkOperation { id }
    userErrors { code field }
  }
}
"""

RECENT_BULKS = """
query RecentBulks($after: String) {
  bulkOperations(first: 50, after: $after, query: "operation_type:mutation") {
    nodes { id status query }
    pageInfo { hasNextPage endCursor }
  }
}
"""

BULK_STATE = """
query BulkState($id: ID!) {
  bulkOperation(id: $id) { status errorCode objectCount fileSize url }
}
"""

PRODUCTS_BY_BARCODE = """
query ProductsByBarcode($query: String!, $after: String) {
  productVariants(first: 100, after: $after, query: $query) {
    nodes { barcode product { legacyResourceId } }
    pageInfo { hasNextPage endCursor }
  }
}
"""

PRODUCT_BY_HANDLE = """
query ProductByHandle($handle: String!) {
  productByIdentifier(identifier: {handle: $handle}) { legacyResourceId }
}
"""

CREATE_DRAFT = """
mutation CreateDraft($product: ProductSetInput!) {
  productSet(input: $product, synchronous: true) {
    product { legacyResourceId }
    userErrors { code field }
  }
}
"""

LOCATION = """
query Location($id: ID!) {
  location(id: $id) { isActive }
}
"""
