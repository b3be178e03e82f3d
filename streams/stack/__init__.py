"""The embedded stack: a Kafka-compatible broker and Redis as child processes.

with embedded_stack() as stack:
    serve(stack.kafka_bootstrap, stack.redis_url)
"""

from streams.stack.component import StackProcess
from streams.stack.embedded import Stack, embedded_stack
from streams.stack.errors import (
    BinaryNotFound,
    ComponentDied,
    NotManaged,
    NotReady,
    StackError,
    StartRefused,
)
from streams.stack.servers import KafkaProcess, RedisProcess

__all__ = [
    "BinaryNotFound",
    "ComponentDied",
    "KafkaProcess",
    "NotManaged",
    "NotReady",
    "RedisProcess",
    "Stack",
    "StackError",
    "StackProcess",
    "StartRefused",
    "embedded_stack",
]
