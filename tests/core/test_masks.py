import numpy as np

from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.prompt import Prompt


def test_pixels_are_made_on_request():
    frame = Frame.padded((20, 40), 32, 8)
    logits = np.stack([np.full((8, 8), value, np.float32) for value in (-1, 0.5, 2)])
    masks = Masks(logits, np.array([0.2, 0.9, 0.9], np.float32), frame, Prompt())
    assert len(masks) == 3
    assert masks.best == 1
    assert masks.to_bool().shape == (3, 20, 40)
    assert masks.to_bool().mean((1, 2)).tolist() == [0, 1, 1]
    assert masks.to_bool(threshold=1).mean((1, 2)).tolist() == [0, 0, 1]
    np.testing.assert_allclose(masks.to_logits()[2], 2, rtol=1e-6)
