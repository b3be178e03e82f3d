"""Graphs that a server of the Open Inference Protocol (KServe v2) holds, over HTTP or gRPC."""
