"""Whether the servers can be reached, said in one line before any work begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.settings import KafkaSettings, Settings

#: Seconds a broker has to answer. A remote one with TLS needs about one; past five it is down.
BROKER_TIMEOUT_S = 5.0


def reach_broker(kafka: KafkaSettings) -> None:
    """Return once a broker has answered. Raises ``BrokerUnreachable``."""
    from streams.kafka_client import check_broker

    asyncio.run(check_broker(kafka, BROKER_TIMEOUT_S))


def reach_servers(settings: Settings) -> None:
    """Return once both have answered. Raises ``BrokerUnreachable`` or ``StoreUnreachable``."""
    from streams.redis_client import check_redis

    reach_broker(settings.kafka)
    asyncio.run(check_redis(settings.redis))
