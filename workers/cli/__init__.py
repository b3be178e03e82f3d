"""The command `sensorium`: one module per command, put together in ``workers.cli.main``.

Command modules import only typer and error types at their top; whatever costs time to import
(pydantic, torch, Kafka clients) is imported inside the command, so that ``--help`` is quick.
"""
