import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from samwidget.core.frame import Frame
from samwidget.core.rle import RunLengths
from samwidget.widget.wire.encode import SCALE, THRESHOLD_MAX, THRESHOLD_MIN, pack, pack_exact, quantised

FRAME = Frame.stretched((300, 400), (64, 64), (16, 16))
PADDED = Frame.padded((300, 400), 64, 16)
SHARED = Path(__file__).parents[2] / "shared" / "mask_bytes.json"

logits_of = st.builds(
    lambda values: values.astype(np.float32),
    arrays.arrays(np.float64, (16, 16), elements=st.floats(-30, 30, width=32)),
)


def unpacked(packed, shape):
    """What a browser makes of the bytes: logits, very negative outside of the window."""
    x, y, w, h = packed.window
    out = np.full(shape, -np.inf)
    data = np.frombuffer(zlib.decompress(packed.data), np.uint8) if packed.data else np.zeros(0, np.uint8)
    out[y : y + h, x : x + w] = (data.reshape(h, w).astype(float) - 127.5) / SCALE
    return out


@given(logits_of)
@settings(deadline=None)
def test_signs_survive_and_values_are_within_half_a_step(logits):
    back = unpacked(pack(logits, FRAME), logits.shape)
    assert ((back > 0) == (logits > 0)).all()
    seen = np.isfinite(back)
    assert (logits[~seen] <= THRESHOLD_MIN).all()
    end = 127.5 / SCALE
    exact = np.abs(back - np.clip(logits, -end, end)) <= 0.5 / SCALE + 1e-6
    sides = (logits > THRESHOLD_MAX, logits < THRESHOLD_MIN)
    high, low = (ndimage.binary_erosion(side, np.ones((3, 3)), border_value=1) for side in sides)
    assert (exact | ~seen | (high & (back == end)) | (low & (back == -end))).all()


def test_what_no_outline_can_reach_is_flat():
    logits = np.full((16, 16), -5.0, np.float32)
    logits[3:10, 4:12] = np.linspace(4.5, 6, 8, dtype=np.float32)
    back = unpacked(pack(logits, FRAME), logits.shape)
    assert (back[4:9, 5:11] == 127.5 / SCALE).all()  # inside, but for the ring along the outline
    np.testing.assert_allclose(back[3:10, 4], 4.5, atol=0.5 / SCALE)
    np.testing.assert_allclose(back[2, 3:13], -5.0, atol=0.5 / SCALE)


@given(logits_of, st.floats(-4, 4))
@settings(deadline=None)
def test_any_threshold_of_the_slider_gives_the_same_mask_but_for_the_step(logits, threshold):
    back = unpacked(pack(logits, FRAME), logits.shape)
    unsure = np.abs(logits - threshold) <= 0.5 / SCALE + 1e-6
    assert ((back > threshold) == (logits > threshold))[~unsure].all()


@pytest.mark.parametrize(
    ("logit", "byte"),
    [(0.0, 127), (1e-6, 128), (-1e-6, 127), (1.0, 143), (-1.0, 111), (7.96875, 255), (100.0, 255), (-100.0, 0)],
)
def test_bytes_of_single_logits(logit, byte):
    assert quantised(np.array([logit], np.float32))[0] == byte


@pytest.mark.parametrize(
    ("place", "window"),
    [((5, 7), (6, 4, 3, 3)), ((0, 0), (0, 0, 2, 2)), ((15, 15), (14, 14, 2, 2)), ((0, 15), (14, 0, 2, 2))],
)
def test_the_window_has_a_row_more_on_each_side_where_there_is_one(place, window):
    logits = np.full((16, 16), -9, np.float32)
    logits[place] = 1
    assert pack(logits, FRAME).window == window


def test_an_empty_mask_has_no_bytes():
    packed = pack(np.full((16, 16), -9, np.float32), FRAME)
    assert packed.window == (0, 0, 0, 0)
    assert packed.data == b""


def test_the_padding_is_not_sent_but_for_one_row():
    assert PADDED.content_logits_hw == (12, 16)
    assert pack(np.full((16, 16), 3, np.float32), PADDED).window == (0, 0, 16, 13)


def test_the_name_is_of_the_bytes():
    logits = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    assert pack(logits, FRAME).mask == pack(logits.copy(), FRAME).mask
    assert pack(logits, FRAME).mask != pack(logits + 1, FRAME).mask


def test_the_shared_examples_unpack_as_they_say():
    for example in json.loads(SHARED.read_text(encoding="utf-8"))["examples"]:
        data = bytes.fromhex(example["buffer_hex"])
        x, y, w, h = example["window"]
        found = np.frombuffer(zlib.decompress(data), np.uint8).reshape(h, w) if data else np.zeros((0, 0), np.uint8)
        assert found.tolist() == example["bytes"]
        frame = Frame.from_json(example["frame"])
        logits = np.full(frame.logits_hw, -9, np.float32)
        logits[y : y + h, x : x + w] = np.array(example["logits"], np.float32).reshape(h, w)
        packed = pack(logits, frame)
        assert list(packed.window) == example["window"]
        assert (zlib.decompress(packed.data) if packed.data else b"") == found.tobytes()


@given(arrays.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))), st.floats(-4, 4))
@settings(deadline=None)
def test_an_exact_mask_is_the_same_at_every_threshold(mask, threshold):
    packed = pack_exact(RunLengths.from_mask(mask))
    x, y, w, h = packed.window
    back = np.full(mask.shape, -np.inf)
    if packed.data:
        values = np.frombuffer(zlib.decompress(packed.data), np.uint8).reshape(h, w)
        back[y : y + h, x : x + w] = (values.astype(float) - 127.5) / packed.header().scale
    assert np.array_equal(back > threshold, mask)
    assert packed.frame.logits_hw == mask.shape


def test_an_exact_mask_of_a_large_image_is_finer_than_a_network_s():
    ys, xs = np.ogrid[:1500, :4000]
    mask = (ys - 700) ** 2 + (xs - 2000) ** 2 < 40**2
    packed = pack_exact(RunLengths.from_mask(mask))
    assert packed.frame.logits_hw == (384, 1024)
    assert packed.window[2:] == pytest.approx((22, 22), abs=2)
