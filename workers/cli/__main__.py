"""`python -m workers.cli`: the command `sensorium` where it is not installed."""

from workers.cli.entry import run

if __name__ == "__main__":
    run()
