"""scale, frame, exif and image_format of load_rgb, and what it says that it has guessed."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw

from samwidget import load_rgb
from samwidget.errors import ImageError, SamWidgetWarning
from tests.images.image_files import npy, png16, saved, tiff

RAMP = np.arange(100, dtype=np.uint16).reshape(10, 10) * 10  # 0, 10, ... 990


def quiet(image, **options):
    """The pixels, where nothing may be guessed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_rgb(image, **options)


def gray(values):
    return np.repeat(np.rint(np.asarray(values, float)).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("values", "scale", "expected"),
    [
        (RAMP, (0, 990), RAMP / 990 * 255),
        (RAMP, (100, 300), np.clip((RAMP - 100.0) / 200, 0, 1) * 255),
        (RAMP, [np.int16(-10), np.float32(2000)], (RAMP + 10.0) / 2010 * 255),
        (RAMP, "minmax", RAMP / 990 * 255),
        (RAMP, "percentile", np.clip((RAMP - 20.0) / 950, 0, 1) * 255),  # of 10 to 980: 20 and 970
        (np.uint8([[50, 100, 150]]), "minmax", [[0, 127.5, 255]]),
        (np.uint8([[50, 100, 150]]), (100, 150), [[0, 0, 255]]),
        (np.array([[False, True]]), (0, 2), [[0, 127.5]]),
        (np.float32([[-1, 0, 1]]), (0, 1), [[0, 0, 255]]),
        (np.uint8([[7, 7]]), "percentile", [[0, 0]]),
    ],
)
def test_a_range_that_is_chosen(values, scale, expected):
    np.testing.assert_array_equal(quiet(values, scale=scale), gray(expected))
    np.testing.assert_array_equal(quiet(npy(values), scale=scale), gray(expected))
    if values.dtype != np.bool_:
        np.testing.assert_array_equal(quiet(tiff(values), scale=scale), gray(expected))


def test_the_range_of_a_tiff_in_which_white_is_zero_is_of_its_own_values():
    for dtype in (np.uint8, np.uint16):
        data = tiff(np.array([[0, 100, 200]], dtype), photometric="miniswhite")
        assert quiet(data, scale=(0, 100))[0, :, 0].tolist() == [255, 0, 0]


def test_the_range_is_not_that_of_the_opacity():
    rgba = np.array([[[0, 0, 0, 65535], [1000, 1000, 1000, 65535]]], np.uint16)
    for source in (rgba, png16(rgba)):
        assert quiet(source, scale="minmax")[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    "scale",
    [(5, 5), (9, 1), (0, np.nan), (0, np.inf), (1,), (1, 2, 3), "auto", "", 7, ("a", "b"), b"ab", {"low": 0}, "12"],
)
def test_ranges_that_are_refused(scale):
    with pytest.raises(ImageError, match="scale is") as caught:
        load_rgb(RAMP, scale=scale)
    assert "(low, high)" in caught.value.hint


@pytest.mark.parametrize(
    ("option", "value"),
    [("exif", "yes"), ("exif", None), ("image_format", "bgr"), ("frame", -1), ("frame", 1.0), ("frame", np.True_)],
)
def test_other_values_that_are_refused(option, value):
    with pytest.raises(ImageError, match=f"{option} is") as caught:
        load_rgb(RAMP, **{option: value})
    assert caught.value.hint


# Frames.

FRAMES = [Image.new("RGB", (3, 2), (n, 2 * n, 3 * n)) for n in (10, 40, 70)]


def several(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    first, *others = [frame.copy() for frame in FRAMES]  # Pillow leaves its settings in what it saves
    return saved(first, kind, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_a_frame_that_is_chosen(kind):
    data = several(kind)
    for frame, expected in enumerate(FRAMES):
        for source in (data, Image.open(io.BytesIO(data))):
            np.testing.assert_array_equal(quiet(source, frame=frame), np.asarray(expected))
    image = Image.open(io.BytesIO(data))
    image.seek(2)
    np.testing.assert_array_equal(quiet(image), np.asarray(FRAMES[2]))
    assert image.tell() == 2


def test_a_chosen_page_of_16_bit_colours():
    pages = np.random.default_rng(0).integers(0, 4096, (3, 4, 5, 3)).astype(np.uint16)
    data = tiff(pages, photometric="rgb")
    np.testing.assert_array_equal(quiet(data, frame=1, scale=(0, 4095)), quiet(pages[1], scale=(0, 4095)))
    np.testing.assert_array_equal(quiet(npy(pages), frame=1, scale=(0, 4095)), quiet(pages[1], scale=(0, 4095)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (several("GIF"), "has 3 frames, frame is 3"),
        (saved(FRAMES[0]), "has 1 frame, frame is 3"),
        (np.zeros((2, 8, 8, 3), np.uint8), "has 2 frames, frame is 3"),
        (np.zeros((8, 8, 3), np.uint8), "has 1 frame, frame is 3"),
    ],
    ids=["GIF", "PNG", "stack", "array"],
)
def test_frames_that_are_not_there(source, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(source, frame=3)
    assert caught.value.hint


@pytest.mark.parametrize("shape", [(5, 8, 8, 3), (5, 3, 8, 8), (5, 8, 8), (5, 8, 8, 1)])
def test_an_image_of_a_stack(shape):
    stack = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(quiet(stack, frame=4), quiet(stack[4]))
    with pytest.raises(ImageError, match="shape"):
        load_rgb(stack)
    assert quiet(stack[:1, :, :], frame=0).shape == (8, 8, 3)


def test_smaller_copies_in_a_tiff_are_no_frames():
    import tifffile

    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(np.full((8, 8), 9, np.uint8), subfiletype=0)
        file.write(np.full((4, 4), 5, np.uint8), subfiletype=1)
    assert (quiet(buffer.getvalue()) == 9).all()
    assert quiet(buffer.getvalue(), frame=1).shape == (4, 4, 3)


def test_the_second_image_of_a_phone_is_no_frame():
    assert quiet(several("MPO")).shape == (2, 3, 3)


def test_a_pil_image_stays_as_it_is():
    image = Image.open(io.BytesIO(several("TIFF")))
    image.load()
    ImageDraw.Draw(image).point((0, 0), fill=(1, 2, 3))
    assert load_rgb(image)[0, 0].tolist() == [1, 2, 3]
    assert image.getpixel((0, 0)) == (1, 2, 3)
    with pytest.raises(ImageError, match="loaded"):
        load_rgb(image, frame=1)


# EXIF.

STORED = np.zeros((4, 6, 3), np.uint8)  # landscape, as the sensor has it
STORED[0, :] = 250
UPRIGHT = np.rot90(STORED, -1)


def phone_photo(orientation=6, size_in_exif=None):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if size_in_exif is not None:
        exif.get_ifd(0x8769).update({0xA002: size_in_exif[0], 0xA003: size_in_exif[1]})
    return saved(STORED, "PNG", exif=exif)


def test_exif_is_applied_or_not():
    data = phone_photo()
    for source in (data, Image.open(io.BytesIO(data))):
        np.testing.assert_array_equal(quiet(source), UPRIGHT)
        np.testing.assert_array_equal(quiet(source, exif="apply"), UPRIGHT)
        np.testing.assert_array_equal(quiet(source, exif="ignore"), STORED)


@pytest.mark.parametrize("change", ["rotate", "convert", "copy", "resize"])
def test_a_pil_image_that_was_changed_is_taken_as_it_is(change):
    image = Image.open(io.BytesIO(phone_photo()))
    changed = {
        "rotate": lambda: image.rotate(-90, expand=True),
        "convert": lambda: image.convert("RGB"),
        "copy": image.copy,
        "resize": lambda: image.resize((6, 4)),
    }[change]()
    with pytest.warns(SamWidgetWarning, match="exif="):
        pixels = load_rgb(changed)
    np.testing.assert_array_equal(pixels, np.asarray(changed))
    np.testing.assert_array_equal(quiet(changed, exif="ignore"), np.asarray(changed))
    assert quiet(changed, exif="apply").shape[:2] == np.asarray(changed).shape[1::-1]


@pytest.mark.parametrize(
    ("orientation", "size", "is_said"),
    [
        (6, (6, 4), False),
        (6, (4, 6), True),
        (8, (4, 6), True),
        (3, (4, 6), False),
        (6, (60, 40), False),
        (6, None, False),
    ],
)
def test_a_tag_that_contradicts_the_size_is_applied_and_said(orientation, size, is_said):
    data = phone_photo(orientation, size)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pixels = load_rgb(data)
    assert pixels.shape == ((4, 6, 3) if orientation == 3 else (6, 4, 3))
    assert [type(warning.message) for warning in caught] == [SamWidgetWarning] * is_said


# The order of the channels.


def test_blue_first():
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(quiet(rgb[..., ::-1], image_format="BGR"), rgb)
    np.testing.assert_array_equal(quiet(np.moveaxis(rgb[..., ::-1], 2, 0), image_format="BGR"), rgb)
    np.testing.assert_array_equal(quiet(npy(rgb[..., ::-1]), image_format="BGR"), rgb)
    bgra = np.dstack([rgb[..., ::-1], np.full((4, 5), 255, np.uint8)])
    np.testing.assert_array_equal(quiet(bgra, image_format="BGR"), rgb)
    np.testing.assert_array_equal(quiet(rgb[..., 0], image_format="BGR"), gray(rgb[..., 0]))
    for source in (saved(rgb), Image.fromarray(rgb)):
        with pytest.raises(ImageError, match="for arrays"):
            load_rgb(source, image_format="BGR")


def test_a_warning_comes_for_each_image_and_names_the_line_of_the_user():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_rgb(RAMP)
        load_rgb(RAMP.astype(np.int16))
    assert [warning.filename for warning in caught] == [__file__, __file__]
    assert caught[0].lineno + 1 == caught[1].lineno
