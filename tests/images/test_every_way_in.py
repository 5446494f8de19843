"""The table of docs/images.md: for each kind of input the same pixels come out, however the picture arrives.

Most pictures are the 4 x 5 gradient GRAY or its values times a factor, so what must come out is GRAY or STRETCHED.
"""

import io
import re
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from samwidget import load_rgb
from samwidget.errors import SamWidgetWarning
from tests.images.image_files import DOCS, Folder, chunk, npy, npz, png16, ppm16, saved, serving, tiff

GRAY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 13  # 0, 13, ... 247
RGB = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=2)
# The smallest value becomes 0, the largest 255.
STRETCHED = np.rint(GRAY / 247 * 255).astype(np.uint8)
STRETCHED_RGB = np.rint(RGB / 247 * 255).astype(np.uint8)
# A column of each opacity: none, a fifth, two fifths, four fifths, all.
ALPHA = np.tile(np.array([0, 51, 102, 204, 255], np.uint8), (4, 1))


def on_white(colours):
    share = ALPHA[..., None] / 255
    return np.rint(255 + (colours.astype(float) - 255) * share).astype(np.uint8)


def gray_of(values):
    return np.repeat(values[..., None], 3, axis=2)


def with_cell(values, value, gray):
    """The values with another one in the last cell, and what comes out: the rest stretched, the cell as said."""
    values, expected = values.copy(), np.rint(GRAY / 234 * 255)  # without its last value the largest is 234
    values[3, 4] = value
    expected[3, 4] = gray
    return values, gray_of(expected.astype(np.uint8))


@dataclass
class Row:
    """One kind of input.

    Attributes:
        kind: as in the table of the docs.
        expected: what comes out.
        files: the picture in the file formats that can hold it.
        arrays: the picture as arrays; numpy's own files of them are read too.
        note: what the warning says; empty where nothing is guessed.
        pillow_reads: whether the files can be opened as PIL images.
    """

    kind: str
    expected: np.ndarray
    files: list[bytes] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    note: str = ""
    pillow_reads: bool = True


def palette(**options):
    image = Image.fromarray(GRAY, "L").convert("P")
    image.putpalette([value for n in range(256) for value in (n, 255 - n, 7)])
    return saved(image, **options)


PALETTE_RGB = np.stack([GRAY, 255 - GRAY, np.full_like(GRAY, 7)], axis=2)
PALETTE_ON_WHITE = PALETTE_RGB.copy()
PALETTE_ON_WHITE[0, 1] = 255  # colour 13 is the transparent one
U16, U16_RGB = GRAY.astype(np.uint16) * 16, RGB.astype(np.uint16) * 16  # 12-bit values, to 3952
ALPHA16 = ALPHA.astype(np.uint16) * 257
U16_RGBA, U16_LA = np.dstack([U16_RGB, ALPHA16]), np.dstack([U16, ALPHA16])
CMYK = Image.fromarray(RGB).convert("CMYK")
BITS = GRAY > 100
FAR, _ = with_cell(U16, 65535, 255)
# The 1st and the 99th percentile of the 18 values between the smallest and the largest are the second of each end.
FAR_OUT = gray_of(np.rint(np.clip((GRAY.astype(float) - 26) / (221 - 26), 0, 1) * 255).astype(np.uint8))
NAN, NAN_OUT = with_cell(GRAY.astype(np.float32) * 10, np.nan, 128)
MARK, MARK_OUT = with_cell(GRAY.astype(np.float32) * 10, -3.4e38, 128)
DECLARED, DECLARED_OUT = with_cell(GRAY.astype(np.int16) * 10, -9999, 128)
TWO, THREE = Image.new("L", (5, 4), 9), Image.new("L", (5, 4), 99)
TURNED = Image.Exif()
TURNED[0x0112] = 6
OVERSHOOT = np.clip(GRAY / 255 * 1.05 - 0.02, None, 1.05).astype(np.float32)


def gdal_tiff(values, mark):
    return tiff(values, extratags=[(42113, "s", 0, mark, True)])


TABLE = [
    Row("8-bit RGB", RGB, [saved(RGB), saved(RGB, "TIFF"), saved(RGB, "BMP"), saved(RGB, "PPM")], [RGB, RGB[None][0]]),
    Row("8-bit gray", gray_of(GRAY), [saved(GRAY), saved(GRAY, "TIFF")], [GRAY, GRAY[..., None], GRAY[None]]),
    Row(
        "8-bit with opacity",
        on_white(RGB),
        [saved(np.dstack([RGB, ALPHA])), saved(np.dstack([RGB, ALPHA]), "TIFF")],
        [np.dstack([RGB, ALPHA])],
    ),
    Row(
        "8-bit with opacity",
        on_white(gray_of(GRAY)),
        [saved(Image.merge("LA", [*map(Image.fromarray, (GRAY, ALPHA))]))],
    ),
    Row("palette", PALETTE_RGB, [palette()]),
    Row("palette with a transparent colour", PALETTE_ON_WHITE, [palette(transparency=13)]),
    Row("CMYK", np.asarray(CMYK.convert("RGB")), [saved(CMYK, "TIFF")]),
    Row("1 bit, boolean", gray_of(BITS * np.uint8(255)), [saved(BITS), saved(BITS, "TIFF")], [BITS]),
    Row(
        "16-bit gray",
        gray_of(STRETCHED),
        [saved(U16), saved(U16, "TIFF"), tiff(U16, byteorder=">"), ppm16(U16, b"P5")],
        [U16, U16.astype(">u2")],
        "uint16 values 0 to 3952",
    ),
    Row(
        "16-bit RGB",
        STRETCHED_RGB,
        [
            png16(U16_RGB),
            tiff(U16_RGB, photometric="rgb"),
            tiff(U16_RGB, photometric="rgb", byteorder=">"),
            tiff(U16_RGB, photometric="rgb", compression="zlib"),
            tiff(U16_RGB, photometric="rgb", compression="zlib", byteorder=">"),
            ppm16(U16_RGB),
        ],
        [U16_RGB, np.moveaxis(U16_RGB, 2, 0)],
        "values 0 to 3952",
    ),
    Row(
        "16-bit RGB",
        STRETCHED_RGB,
        [tiff(np.moveaxis(U16_RGB, 2, 0), photometric="rgb", planarconfig="separate")],
        [],
        "values 0 to 3952",
        pillow_reads=False,
    ),
    Row(
        "16-bit with opacity",
        on_white(STRETCHED_RGB),
        [png16(U16_RGBA), tiff(U16_RGBA, photometric="rgb", extrasamples=["unassalpha"])],
        [U16_RGBA],
        "values 0 to 3952",
    ),
    Row("16-bit with opacity", on_white(gray_of(STRETCHED)), [png16(U16_LA)], [], "values 0 to 3952"),
    Row(
        "signed 8-bit",
        gray_of(STRETCHED),
        [tiff((GRAY.astype(int) - 120).astype(np.int8))],
        [(GRAY.astype(int) - 120).astype(np.int8)],
        "int8 values -120 to 127",
    ),
    Row(
        "signed 16-bit",
        gray_of(STRETCHED),
        [tiff(GRAY.astype(np.int16) - 50)],
        [GRAY.astype(np.int16) - 50],
        "int16 values -50 to 197",
    ),
    Row(
        "signed 16-bit",
        gray_of(STRETCHED),
        [tiff(GRAY.astype(np.int16))],
        [GRAY.astype(np.int16)],
        "int16 values 0 to 247",
    ),
    Row(
        "32 or 64-bit integers, all within 0 to 255",
        gray_of(GRAY),
        [tiff(GRAY.astype(np.int32)), tiff(GRAY.astype(np.uint32))],
        [GRAY.astype(np.int64), GRAY.astype(np.uint32)],
    ),
    Row("32 or 64-bit integers, all within 0 to 255", RGB, [], [RGB.astype(np.int64)]),
    Row(
        "32 or 64-bit integers beyond",
        gray_of(STRETCHED),
        [tiff(GRAY.astype(np.uint32) * 17_000_000)],
        [GRAY.astype(np.uint32) * 17_000_000],
        "uint32 values 0 to 4.199e",
    ),
    Row(
        "32 or 64-bit integers beyond",
        gray_of(STRETCHED),
        [tiff(GRAY.astype(np.uint64) << np.uint64(48))],
        [GRAY.astype(np.uint64) << np.uint64(48)],
        "uint64 values",
        pillow_reads=False,
    ),
    Row(
        "floats within 0 to 1",
        gray_of(GRAY),
        [tiff((GRAY / 255).astype(np.float32))],
        [GRAY / 255, (GRAY / 255).astype(np.float32), (GRAY / 255).astype(np.float16)],
    ),
    Row(
        "floats within 0 to 1",
        RGB,
        [tiff((RGB / 255).astype(np.float32), photometric="rgb")],
        [RGB / 255],
        pillow_reads=False,
    ),
    Row(
        "floats with an overshoot of up to a tenth",
        gray_of(np.rint(np.clip(OVERSHOOT.astype(float), 0, 1) * 255).astype(np.uint8)),
        [tiff(OVERSHOOT)],
        [OVERSHOOT],
    ),
    Row(
        "floats beyond",
        gray_of(STRETCHED),
        [tiff(GRAY.astype(np.float32))],
        [GRAY.astype(np.float32), GRAY.astype(np.float64) - 1000],
        "values .* became 0 to 255",
    ),
    Row("a few values far away", FAR_OUT, [saved(FAR), tiff(FAR)], [FAR], "but for a few between 0 and 65535.*scale="),
    Row("NaN", NAN_OUT, [tiff(NAN)], [NAN], "1 pixel is NaN"),
    Row("floats beyond ±9e36", MARK_OUT, [tiff(MARK)], [MARK], r"1 pixel is -3.4e\+38: taken for no data"),
    Row("declared no data", DECLARED_OUT, [gdal_tiff(DECLARED, "-9999")], [], "values 0 to 2340"),
    Row("TIFF in which white is zero", 255 - gray_of(GRAY), [tiff(GRAY, photometric="miniswhite")]),
    Row(
        "TIFF in which white is zero",
        255 - gray_of(STRETCHED),
        [tiff(U16, photometric="miniswhite")],
        [],
        "values 0 to 3952",
    ),
    Row(
        "several frames",
        gray_of(GRAY),
        [
            saved(
                Image.fromarray(GRAY),
                kind,
                save_all=True,
                append_images=[TWO, THREE],
                **({"lossless": True} if kind == "WEBP" else {}),
            )
            for kind in ("TIFF", "GIF", "PNG", "WEBP")
        ],
        [],
        "has 3 frames: this is frame 0",
    ),
    Row("EXIF rotation", np.rot90(RGB, -1), [saved(RGB, exif=TURNED), saved(RGB, "TIFF", exif=TURNED)]),
    Row(
        "EXIF rotation",
        np.rot90(STRETCHED_RGB, -1),
        [
            png16(U16_RGB, chunk(b"eXIf", TURNED.tobytes()[6:])),
            tiff(U16_RGB, photometric="rgb", extratags=[(274, "H", 1, 6, True)]),
        ],
        [],
        "values 0 to 3952",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    served = {}
    with pytest.MonkeyPatch.context() as patch, serving(served) as address:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Folder(tmp_path_factory.mktemp("pictures"), address, served)


def read(source, row, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pixels = load_rgb(source, **options)
    notes = [warning for warning in caught if warning.category is SamWidgetWarning]
    if row.note:
        text = " ".join(str(note.message) for note in notes)
        assert re.search(row.note, text), f"the warnings are {text!r}"
        assert all(note.filename == __file__ for note in notes)  # the line of the user's code
    else:
        assert not notes, notes[0].message
    return pixels


def every_source(row, folder):
    for number, data in enumerate(row.files):
        yield from ((f"file {number}: {way}", source) for way, source in folder.sources(data))
        if row.pillow_reads:
            yield f"file {number}: PIL image", Image.open(io.BytesIO(data))
    for number, array in enumerate(row.arrays):
        yield f"array {number}", array
        yield from ((f"npy {number}: {way}", source) for way, source in folder.sources(npy(array)))
        yield f"npz {number}", npz(values=array)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.kind)
def test_one_picture_gives_one_result_however_it_arrives(row, folder):
    count = 0
    for way, source in every_source(row, folder):
        np.testing.assert_array_equal(read(source, row), row.expected, err_msg=way)
        count += 1
    assert count >= 12


def test_the_table_is_the_one_in_the_docs():
    section = DOCS.read_text(encoding="utf-8").split("## What comes out")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|")[:2] for line in section.splitlines() if line.startswith("| ")][1:]
    starred = {kind.strip() for kind, result in rows if "*" in result}
    assert {kind.strip() for kind, _ in rows} == {row.kind for row in TABLE}
    assert starred - {"declared no data"} == {row.kind for row in TABLE if row.note} - {
        "declared no data",
        "TIFF in which white is zero",
        "EXIF rotation",
    }
