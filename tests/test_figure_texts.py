"""The search for cut and overlapping texts finds them, and nothing else."""

import figure_texts
import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figure() -> Figure:
    """A figure with room for its texts."""
    figure = Figure(layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1])
    axes.set(title="A title", xlabel="below", ylabel="beside")
    return figure


def test_texts_with_room_are_not_cut(figure):
    assert {"A title", "below", "beside"} <= {
        text.get_text() for text in figure_texts.shown(figure)
    }
    assert figure_texts.cut(figure) == [] and figure_texts.overlapping(figure) == []


def test_a_text_beyond_the_edge_is_cut(figure):
    figure.text(0.95, 0.5, "too long for what is left of it")
    assert figure_texts.cut(figure) == ["too long for what is left of it"]


def test_a_title_wider_than_the_figure_is_cut(figure):
    figure.axes[0].set_title("words " * 40)
    assert len(figure_texts.cut(figure)) == 1


def test_close_tick_labels_overlap(figure):
    figure.axes[0].set_xticks([0.5, 0.52, 1], ["five tenths", "a little more", "one"])
    assert figure_texts.overlapping(figure) == [("five tenths", "a little more")]


def test_hidden_texts_are_not_cut(figure):
    figure.text(2, 2, "far away", visible=False)
    figure.axes[0].set_axis_off()
    assert figure_texts.cut(figure) == []
