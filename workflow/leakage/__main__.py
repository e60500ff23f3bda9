"""`python -m leakage`: the command line, also for a checkout that is not installed."""

import sys

# `-m` puts the working folder first. A file called random.py there is not the standard library's.
if __name__ == "__main__" and not sys.flags.safe_path:
    sys.path.append(sys.path.pop(0))

from leakage import cli

if __name__ == "__main__":
    cli.run("python -m leakage")
