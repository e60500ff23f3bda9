"""The code digests of a workflow's jobs: what each step runs under a configuration."""

from leakage import analysis, measures
from leakage.config.workflow import Workflow, module_of
from leakage.plugins import source_of
from leakage.storage.digest import code_digest


def code(step: str, *modules: str) -> str:
    """Return the digest of what `python -m leakage STEP` runs, with the modules loaded by name."""
    by_name = measures.modules() if step == "measure" else []
    return code_digest("leakage.__main__", f"leakage.steps.{step}", *by_name, *modules)


def digests(workflow: Workflow) -> dict[str, str]:
    """Return the code digest of every kind of job but the figures', by step and what it is for."""
    found = {
        "manifest": code("manifest", module_of(workflow.dataset)),
        "places": code("places"),
        "view plain": code("view"),
        "test": code("test"),
        "calibration_table": code("calibration_table"),
        "calibrate_verdict": code(
            "calibrate_verdict", module_of(workflow.estimators[workflow.config.verdict.estimator])
        ),
    }
    for name in analysis.ANALYSES:
        found[f"analyse {name}"] = code("analyse", source_of(analysis.named(name)))
    kinds = {
        ("view", "measure"): workflow.schemes,
        ("find_weights", "embed"): workflow.encoders,
        ("estimate", "calibrate_estimator"): workflow.estimators,
    }
    for steps, definitions in kinds.items():
        for name, definition in definitions.items():
            module = module_of(definition)
            found |= {f"{step} {name}": code(step, module) for step in steps}
    return found
