"""A namespace of its own for each world: ids repeat, and what one world leaves running must not wake up in another."""

from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from starter import search_attributes

RETENTION = Duration(seconds=86_400)


async def client_of_new_namespace(address: str, *, identity: str | None = None, kind: str = "world") -> Client:
    """Register a namespace that knows our search attributes, and connect to it as the product does."""
    name = f"{kind}-{uuid4().hex[:12]}"
    first = await Client.connect(address)
    request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=RETENTION)
    await first.workflow_service.register_namespace(request)
    client = await Client.connect(address, namespace=name, data_converter=pydantic_data_converter, identity=identity)
    await search_attributes.ensure(client)
    return client
