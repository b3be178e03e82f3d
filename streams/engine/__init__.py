"""Stream engines behind one port: Faust in production, a plain aiokafka loop as its oracle."""

import os

# Read by Faust when it is first imported. Its Cython twins inline the acknowledgement of a message
# and could not be kept out of the way; their speed is the same for one event per chunk.
os.environ.setdefault("NO_CYTHON", "1")
