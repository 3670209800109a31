"""This client as the benchmarks of its cost have it."""

from typing import TYPE_CHECKING

from partnercenter_async import Cloud, PartnerCenterClient, Service

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from partnercenter_async._session.transport import Transport


def client(
    endpoint: str,
    credential: "AsyncTokenCredential",
    *,
    concurrency: int = 32,
    transport: "Transport | None" = None,
) -> PartnerCenterClient:
    """Return a client of a server that signs nobody in; its settings are those of every benchmark of cost."""
    cloud = Cloud(api=Service(endpoint, "x/.default"), authority="https://localhost")
    return PartnerCenterClient(credential, cloud=cloud, concurrency=concurrency, transport=transport, rate=None)
