"""`python -m leakage`: the command line of `leakage.cli`, also for a checkout without installation."""

from leakage import cli

if __name__ == "__main__":
    cli.run("python -m leakage")
