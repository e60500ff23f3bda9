"""The figures: each is a class that says which tables it reads, and draws them.

`FIGURES` says where the class of each figure is. A figure of one's own is a Python file with one
class derived from `Figure`; its path goes into the configuration's list `figures`. Drawing computes
no estimate and no verdict.

The modules import matplotlib and pandas inside functions, because Snakemake imports them at every
start.
"""

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from leakage import plugins
from leakage.config.settings import nearest, shown
from leakage.errors import LeakageError
from leakage.interfaces import Canvas, Configuration, Frame, Wanted

FIGURES = {
    "fig1": "fig1.Figure1",
    "fig2": "fig2.Figure2",
    "fig3a": "fig3.Figure3a",
    "fig3b": "fig3.Figure3b",
    "fig4": "training.Figure4",
    "fig5": "training.Figure5",
    "fig6a": "training.Figure6a",
    "fig6b": "training.Figure6b",
    "fig7": "training.Figure7",
    "fig8": "training.Figure8",
    "epochs": "training.Epochs",
    "distance": "training.Distance",
    "estimators": "estimators.Estimators",
    "memorisation": "memorisation.Memorisation",
    "reconstruction": "reconstruction.Reconstruction",
    "reidentification": "reidentification.Reidentification",
    "pretraining": "pretraining.Pretraining",
    "pixel_critics": "pixel_critics.PixelCritics",
    "schemes": "schemes.Schemes",
    "visual_security": "visual_security.VisualSecurity",
    "classics": "classics.Classics",
    "consistency": "consistency.Consistency",
    "verdict": "verdict.Verdict",
    "scorecard": "scorecard.Scorecard",
    "calibration": "calibration.Calibration",
}
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
METHODS = {"draw": ("tables",), "tables": ("config", "representation"), "numbers": ("table",)}


class Figure:
    """A figure, by default drawn for every scheme of `figures_of`.

    Args:
        reference: its name in the configuration: a key of `FIGURES`, or the path of a file.
    """

    title: str = ""
    """a few words on what it shows, for the report; by default its name"""
    caption: ClassVar[str] = ""
    """its caption, with fields for `numbers`, say `{first:.2f}`; by default the class docstring"""
    per_scheme: ClassVar[bool] = True
    """whether it shows one scheme, and so is drawn for each of `figures_of`"""
    per_compared: ClassVar[bool] = False
    """whether it is also drawn for each of `comparisons.schemes`"""
    per_representation: ClassVar[bool] = False
    """whether it is drawn once for each of `representations`"""
    reads_views: ClassVar[bool] = False
    """whether `draw` is given a list of views and no tables"""
    adds_views: ClassVar[bool] = False
    """whether `draw` is given a list of views beside the tables, in the role `views`"""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the class draw in the theme of all figures, whatever the caller's settings are."""
        super().__init_subclass__(**options)
        if "draw" in vars(cls):
            cls.draw = _in_theme(vars(cls)["draw"])  # type: ignore[method-assign]

    def __init__(self, reference: str = ""):
        self.reference = reference
        self.title = self.title or self.name

    @property
    def name(self) -> str:
        """Its name in paths; that of a file is without folder and suffix."""
        return Path(self.reference).stem

    @property
    def template(self) -> str:
        """The caption before its numbers are filled in, as one line."""
        return " ".join((self.caption or inspect.getdoc(type(self)) or "").split())

    def tables(self, config: Configuration, representation: str = "") -> Mapping[str, Wanted]:
        """Return the tables to read, by their role in the figure."""
        return {}

    def draw(self, tables: Any) -> tuple[Canvas, Frame]:
        """Return the matplotlib figure, and the table behind it, which becomes its CSV.

        Args:
            tables: `leakage.analysis.tables.Table` by role; if `reads_views`, a list of views, one
                per level.
        """
        raise NotImplementedError

    def numbers(self, table: Frame) -> dict[str, Any]:
        """Return the numbers in the caption, from the table behind the figure."""
        return {}


def names() -> list[str]:
    """Return the names of the figures, sorted."""
    return sorted(FIGURES)


def named(reference: str) -> Figure:
    """Return a figure by its name, or by the path of its file."""
    if plugins.is_file(reference):
        found = plugins.find_class(_package(), reference, Figure, (), "figure", METHODS)(reference)
        if not re.fullmatch(NAME, found.name) or found.name in FIGURES:
            raise LeakageError(
                f"figure {reference}: the figure is called as the file is; expected a name of "
                "letters, digits, _ and -, which no other figure has"
            )
        return found
    if reference not in FIGURES:
        raise LeakageError(
            f"figure {shown(reference)} is not known; the nearest is "
            f"{nearest(reference, names())!r} (known: {', '.join(names())}, or the path of a "
            f"Python file that ends in {plugins.SUFFIX})"
        )
    module, _, name = FIGURES[reference].partition(".")
    kind: type[Figure] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return kind(reference)


def _in_theme(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that draws in the theme, and imports matplotlib only then."""

    @functools.wraps(draw)
    def drawn(*args: Any, **options: Any) -> Any:
        from leakage.figures import style

        with style.theme():
            return draw(*args, **options)

    return drawn


def _package() -> Any:
    return importlib.import_module(__name__)
