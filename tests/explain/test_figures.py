"""What the figures draw: the data, not the pixels."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from samwidget import explain
from samwidget.core import iou, make_prompt
from samwidget.errors import PromptError
from samwidget.explain import maps

CLICK = make_prompt([[60, 50]])


@pytest.fixture(scope="module")
def recorded(nano, disc):
    return explain.steps(nano, disc[0], CLICK)


def panels_of(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def values_of(axes):
    """The last image that was drawn in a panel."""
    return np.asarray(axes.get_images()[-1].get_array())


def test_the_embedding_is_drawn_over_the_photo(recorded):
    photo, colours = panels_of(explain.draw_embedding(recorded))
    np.testing.assert_array_equal(values_of(photo), recorded.image)
    np.testing.assert_allclose(values_of(colours), maps.feature_colours(recorded.content("features")))
    height, width = recorded.image.shape[:2]
    assert colours.get_images()[0].get_extent() == [-0.5, width - 0.5, height - 0.5, -0.5]


def test_likeness_is_largest_at_the_point(recorded):
    _, heat = panels_of(explain.draw_likeness(recorded, (60, 50)))
    values = values_of(heat)
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert row == int(50 / 96 * values.shape[0])
    assert column == int(60 / 128 * values.shape[1])
    with pytest.raises(PromptError, match="outside the image"):
        explain.draw_likeness(recorded, (500, 5))


def test_candidates_have_their_scores_and_ious(recorded, disc):
    panels = panels_of(explain.draw_candidates(recorded, disc[1]))
    masks = recorded.masks.to_bool()
    for index, axes in enumerate(panels):
        _, score, overlap = axes.get_title().split("\n")
        assert score == f"score {recorded.masks.scores[index]:.2f}"
        assert overlap == f"IoU {iou(masks[index], disc[1]):.2f}"
        np.testing.assert_array_equal(values_of(axes)[..., 3] > 0, masks[index])
    assert [axes.get_xlabel() for axes in panels].index("chosen") == recorded.level


def test_the_sweep_marks_the_thresholds_of_the_stability(recorded):
    _, plot = panels_of(explain.draw_threshold_sweep(recorded))
    marked = sorted(line.get_xdata()[0] for line in plot.get_lines() if len(line.get_xdata()) == 2)
    assert marked == [-0.25, 0, 0.25]
    curve = next(line for line in plot.get_lines() if len(line.get_xdata()) == maps.THRESHOLDS)
    at_zero = curve.get_ydata()[maps.THRESHOLDS // 2]
    assert at_zero == pytest.approx(100 * recorded.mask.mean())
    assert plot.get_title() == f"stability {maps.stability(recorded['full-size logits'], 0.25):.2f}"


def test_stability_is_drawn_as_the_band_between_two_masks(recorded):
    panels = panels_of(explain.draw_stability(recorded))
    logits = recorded.masks.to_logits()[1]
    np.testing.assert_array_equal(values_of(panels[1])[..., 3] > 0, (logits > -0.25) & (logits <= 0.25))


def test_errors_are_drawn_apart(recorded, disc):
    image, truth = disc
    mask = np.roll(truth, 9, 1)
    _, compared = panels_of(explain.draw_errors(image, mask, truth))
    right, missing, excess = (np.asarray(drawn.get_array())[..., 3] > 0 for drawn in compared.get_images()[1:])
    np.testing.assert_array_equal(right, mask & truth)
    np.testing.assert_array_equal(missing, truth & ~mask)
    np.testing.assert_array_equal(excess, mask & ~truth)


@pytest.mark.parametrize("box", [None, [30, 20, 90, 80]])
def test_attention_has_a_panel_for_each_layer(predictor, disc, box):
    recorded = explain.steps(predictor, disc[0], CLICK.with_box(box) if box else CLICK)
    _, *heats = panels_of(explain.draw_attention(recorded))
    assert [axes.get_title() for axes in heats] == list(recorded.attention_names)
    for axes, name in zip(heats, recorded.attention_names, strict=True):
        assert values_of(axes).shape == recorded.content(name).shape[-2:]
    with pytest.raises(PromptError, match="token"):
        explain.draw_attention(recorded, "the cat")


def test_attention_of_a_token_is_the_mean_over_the_heads(predictor, disc):
    recorded = explain.steps(predictor, disc[0], CLICK)
    if not recorded.tokens:
        return
    heat = panels_of(explain.draw_attention(recorded, "include 1"))[1]
    index = recorded.tokens.index("include 1")
    expected = recorded.content("attention 1")[:, index].mean(0)
    np.testing.assert_allclose(values_of(heat) ** 2, expected, rtol=1e-4)


def test_a_prompt_without_a_point_has_a_point_to_compare(recorded, nano, disc):
    box = explain.steps(nano, disc[0], make_prompt(box=[30, 20, 90, 80]))
    first, second = panels_of(explain.draw_likeness(box)), panels_of(explain.draw_likeness(recorded, (60, 50)))
    np.testing.assert_array_equal(values_of(first[1]), values_of(second[1]))


def test_a_figure_is_not_left_open(recorded):
    import matplotlib.pyplot as plt

    explain.draw_candidates(recorded)
    assert plt.get_fignums() == []
