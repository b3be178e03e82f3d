"""What tests ask the kernel about processes."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path


def parent_of(pid: int) -> int:
    """The parent's id: the fourth field, counted after the name in parentheses."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def group_of(pid: int) -> int:
    return os.getpgid(pid)


def ends_within(pid: int, timeout_s: float) -> bool:
    """Whether a process, which need not be a child, is gone within the time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        readable, _, _ = select.select([descriptor], [], [], timeout_s)
    finally:
        os.close(descriptor)
    return bool(readable)


def listening_addresses() -> dict[int, set[str]]:
    """Port to the addresses that are listened on, for all of this machine's TCP sockets."""
    listening: dict[int, set[str]] = {}
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state = row.split()[:4]
            if state != "0A":  # LISTEN
                continue
            address, port = local.split(":")
            # Each group of four bytes is printed as one number of this machine's byte order.
            words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
            name = socket.inet_ntop(family, b"".join(words))
            listening.setdefault(int(port, 16), set()).add(name)
    return listening
