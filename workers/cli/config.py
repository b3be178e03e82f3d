"""`sensorium config`: the settings in effect."""

from __future__ import annotations

from workers.cli.options import ConfigOption, JsonOption, example
from workers.cli.output import print_json, print_text

EXAMPLE = example("sensorium config --config sensorium.yaml")


def config(config_file: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the settings in effect. From file and SENSORIUM_ variables; secrets are masked."""
    import yaml

    from workers.cli.options import read_settings

    tree = read_settings(config_file).masked()
    if json:
        print_json(tree)
    else:
        print_text(yaml.safe_dump(tree, sort_keys=False))
