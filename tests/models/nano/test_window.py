"""Finer layers only where an object can be: the arithmetic of the window, and that the masks stay the same."""

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.models.nano import decoder
from samwidget.models.nano.segmenter import NanoSegmenter
from samwidget.models.nano.window import POSSIBLE_LOGIT, Window, full_window, window_of


@pytest.mark.parametrize(
    ("possible", "rows", "columns"),
    [
        ([(10, 12)], (8, 13), (10, 15)),  # two more on each side
        ([(10, 12), (14, 20)], (8, 17), (10, 23)),
        ([(0, 0)], (0, 3), (0, 3)),  # but not beyond the image
        ([(19, 29)], (17, 20), (27, 30)),
        ([(0, 0), (19, 29)], (0, 20), (0, 30)),
    ],
)
def test_the_window_holds_what_is_possible_and_a_margin(possible, rows, columns):
    rough = torch.full((20, 30), POSSIBLE_LOGIT - 1)
    for y, x in possible:
        rough[y, x] = POSSIBLE_LOGIT + 0.1
    assert window_of(rough) == Window(*rows, *columns, 20, 30)


def test_where_nothing_is_possible_the_least_unlikely_is_looked_at():
    rough = torch.full((20, 30), -30.0)
    rough[5, 6] = -29.0
    assert window_of(rough) == Window(3, 8, 4, 9, 20, 30)


@pytest.mark.parametrize("stride", [16, 8, 4, 2])
def test_what_is_cut_out_is_put_back_in_its_place(stride):
    scale = 16 // stride
    x = torch.rand(1, 2, 6 * scale, 9 * scale)
    window = Window(1, 4, 2, 9, 6, 9)
    part = window.crop(x, stride)
    assert part.shape == (1, 2, 3 * scale, 7 * scale)
    inside = torch.zeros(6 * scale, 9 * scale, dtype=torch.bool)
    inside[scale : 4 * scale, 2 * scale : 9 * scale] = True
    assert torch.equal(window.pad(part, stride, -7.0), torch.where(inside, x, -7.0))


def test_the_whole_window_changes_nothing():
    x = torch.rand(1, 3, 12, 18)
    window = full_window(torch.zeros(1, 1, 6, 9))
    assert torch.equal(window.crop(x, 8), x)
    assert window.pad(x, 8, -1.0) is x


def test_masks_are_those_of_looking_everywhere(monkeypatch):
    data = pytest.importorskip("skimage.data")
    photo = np.asarray(data.astronaut())
    segmenter = NanoSegmenter.from_folder()
    embedding = segmenter.encode(photo)
    prompts = [make_prompt([230, 90]), make_prompt([440, 130]), make_prompt(box=[150, 10, 300, 200])]
    windows = []

    def record(rough):
        windows.append(window_of(rough))
        return windows[-1]

    monkeypatch.setattr(decoder, "window_of", record)
    logits, scores = segmenter.decode(embedding, prompts, multimask_output=True)
    assert any((w.bottom - w.top) * (w.right - w.left) < 0.7 * w.height * w.width for w in windows)
    monkeypatch.setattr(decoder, "window_of", full_window)
    expected, expected_scores = segmenter.decode(embedding, prompts, multimask_output=True)
    mask, truth = logits > 0, expected > 0
    overlap = (mask & truth).sum((2, 3)) / (mask | truth).sum((2, 3))
    assert overlap.min() > 0.97
    torch.testing.assert_close(scores, expected_scores, atol=0.03, rtol=0)
