"""`python -m leakage`: the command line, also for a checkout that is not installed."""

from leakage import cli

if __name__ == "__main__":
    cli.run("python -m leakage")
