"""Random edits of the configuration: it works, or is refused with the key; never a traceback."""

import random
import re
from pathlib import Path

import config_edits
import snake
import yaml

from faults import Fault

TARGETS = ("figures", "report", "calibration", "download")

# Snakemake's first line.
PROFILE = re.compile(r"Using workflow specific profile .*\n")


def in_process(draw: random.Random, folder: Path) -> None:
    """Edit a configuration, and ask it for all that the rules ask it for."""
    config_edits.survived(config_edits.edited(draw))


def dry_run(draw: random.Random, folder: Path) -> None:
    """Edit config.yaml of a checkout; Snakemake plans every target, or names a key and no more."""
    # Three times out of four, a configuration that passes the checks.
    passes, values = draw.randrange(4) > 0, config_edits.edited(draw)
    while passes and config_edits.survived(values):
        values = config_edits.edited(draw)
    try:
        text = yaml.safe_dump(values, allow_unicode=bool(draw.randrange(2)))
        yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return  # nothing that a file can hold
    checkout = snake.copy_checkout(folder)
    (checkout / "config.yaml").write_text(text, encoding="utf-8")
    run = snake.plain("-n", "--quiet", "all", checkout=checkout, targets=TARGETS)
    assert "Traceback" not in run.output, run.output
    if run.status:
        head, found, message = run.output.partition("error: configuration (config.yaml): ")
        assert found and not PROFILE.sub("", head), run.output
        assert config_edits.readable(message.rstrip("\n"), values), run.output


PLANNED = "it is planned, or one error names the keys; no traceback"
FAULTS = [
    Fault(
        "edits of a configuration, in process", in_process, 2000, "it works, or lines name the keys"
    ),
    Fault("edits of config.yaml, planned by Snakemake", dry_run, 100, PLANNED),
]
