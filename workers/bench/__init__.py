"""Benchmarks of the whole way through broker and Redis, against a bare loop in the same run."""
