# Before `configfile`, which is silent about a missing file if the command line names another one.
import sys
from pathlib import Path

# The folder of the Snakefile. `workflow.basedir` is another one if this is a module of a workflow.
CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
# A module's configuration comes from the workflow that uses it.
IS_MODULE = Path(workflow.main_snakefile).resolve() != (CHECKOUT / "Snakefile").resolve()

if not IS_MODULE and not Path("config.yaml").is_file():
    sys.exit(
        f"error: found no config.yaml in {Path.cwd()}, where snakemake runs; run it in {CHECKOUT}, "
        "without --directory, or copy config.yaml from there into this folder and edit it"
    )
