"""Prompts as maps and weights: against plain loops, and that parts that no prompt has change nothing."""

import math

import pytest
import torch

from samwidget.models.nano.prompt_maps import (
    PromptTensors,
    prompt_maps,
    prompt_similarity,
    region_similarity,
    surroundings,
)

HEIGHT, WIDTH = 4, 6


def prompts(clicks=(), labels=(), box=None, mask=None):
    """One prompt on one image of 32 x 48 input pixels."""
    points_max = max(1, len(clicks))
    points = torch.zeros(1, 1, points_max, 2)
    click_labels = torch.full((1, 1, points_max), -1.0)
    for index, (xy, label) in enumerate(zip(clicks, labels, strict=True)):
        points[0, 0, index], click_labels[0, 0, index] = torch.tensor(xy), label
    return PromptTensors(
        points,
        click_labels,
        torch.tensor(box or [0.0] * 4).reshape(1, 1, 4),
        torch.tensor([[float(box is not None)]]),
        torch.zeros(1, 1, 16, 24) if mask is None else mask,
        torch.tensor([[float(mask is not None)]]),
    )


def joined(*parts):
    """Several prompts on the same image."""
    return PromptTensors(*(torch.cat([getattr(part, name) for part in parts], 1) for name in vars(parts[0])))


def test_a_click_is_two_bumps_where_it_is():
    maps, weights = prompt_maps(prompts([(20.0, 12.0)], [1]), HEIGHT, WIDTH)
    assert maps.shape == (1, 1, 9, HEIGHT, WIDTH)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            squared = (8 * column + 4 - 20) ** 2 + (8 * row + 4 - 12) ** 2
            for index, size in enumerate((6, 32)):
                assert maps[0, 0, index, row, column] == pytest.approx(math.exp(-squared / 2 / size**2), abs=1e-6)
    assert not maps[0, 0, 2:].any()
    assert weights.shape == (1, 1, 1, HEIGHT, WIDTH)
    assert weights[0, 0, 0].argmax() == 1 * WIDTH + 2
    assert weights.sum() == pytest.approx(1, abs=1e-4)


def test_a_box_covers_what_it_holds():
    maps, weights = prompt_maps(prompts(box=[8.0, 8.0, 32.0, 24.0]), HEIGHT, WIDTH)
    inside = torch.zeros(HEIGHT, WIDTH)
    inside[1:3, 1:4] = 1
    assert torch.equal(maps[0, 0, 4] > 0.5, inside > 0)
    core, ring = weights[0, 0, 1:3]
    assert core.sum() == pytest.approx(1, abs=1e-4)
    assert core[1:3, 1:4].sum() == pytest.approx(1, abs=1e-4)
    assert not ring[1:3, 1:4].any()


@pytest.mark.parametrize("other", [{"box": [8.0, 8.0, 32.0, 24.0]}, {"mask": torch.randn(1, 1, 16, 24)}])
def test_absent_kinds_are_as_if_they_were_drawn(other):
    """Beside a prompt with a box or a mask, a click has the same maps and the same likeness as alone."""
    torch.manual_seed(0)
    middle = torch.randn(1, 160, HEIGHT, WIDTH)
    click = prompts([(20.0, 12.0)], [1])
    alone, alone_weights = prompt_maps(click, HEIGHT, WIDTH)
    both, both_weights = prompt_maps(joined(click, prompts(**other)), HEIGHT, WIDTH)
    torch.testing.assert_close(both[:, :1], alone)
    here = prompt_similarity(alone_weights, click.labels, middle)
    there = prompt_similarity(both_weights[:, :1], click.labels, middle)
    for alone_part, part in zip(here, there, strict=True):
        torch.testing.assert_close(part, alone_part)


def test_likeness_is_the_cosine_with_what_lies_under_the_weights():
    torch.manual_seed(0)
    middle = torch.randn(1, 160, HEIGHT, WIDTH)
    weights = torch.rand(1, 2, 3, HEIGHT, WIDTH)
    pooled, alike = region_similarity(weights, middle)
    assert pooled.shape == (1, 2, 3, 160)
    assert alike.shape == (1, 2, 3, 4, HEIGHT, WIDTH)
    for prompt, region, head in ((0, 0, 0), (1, 2, 3), (0, 1, 2)):
        under = (weights[0, prompt, region] * middle[0]).sum((1, 2))
        torch.testing.assert_close(pooled[0, prompt, region], under)
        start = 64 + 24 * head
        key = under[start : start + 24] / under[start : start + 24].norm()
        expected = torch.einsum("c,chw->hw", key, middle[0, start : start + 24])
        torch.testing.assert_close(alike[0, prompt, region, head], expected)


def test_surroundings_are_near_and_outside():
    mask = torch.zeros(1, 1, 20, 20)
    mask[0, 0, 8:10, 8:10] = 1
    near = surroundings(mask)[0, 0]
    assert not near[8:10, 8:10].any()
    assert near[4, 8] == pytest.approx(2 / 81)  # the window of 9 x 9 about it reaches one row of the mask
    assert not near[3].any()
