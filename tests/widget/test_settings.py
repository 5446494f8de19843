"""Every trait of the widget: what may be set, and that anything else is refused at once and changes nothing."""

import decimal
import fractions

import numpy as np
import pytest
import traitlets

from samwidget.widget.protocol.fields import short_text
from samwidget.widget.traits import KERNEL_OWNED, SETTINGS
from tests.widget.fakes import WiredWidget

NOTHING_MEANT = [*(None, [], {}, (), object(), b"", 1j, np.zeros(3), 10**400, float("nan"), float("inf"), "\ud800")]
TOOLS = ("select", "include", "exclude", "box", "scribble", "pan", "brush", "eraser", "lasso", "polygon", "outline")
GOOD = {
    "tool": [(name, name) for name in TOOLS],
    "theme": [(name, name) for name in ("auto", "light", "dark")],
    "hover": [(True, True), (False, False), (1, True)],
    "opacity": [(0, 0.0), (1, 1.0), (0.25, 0.25), (np.float32(0.5), 0.5), (fractions.Fraction(1, 8), 0.125)],
    "threshold": [(-4, -4.0), (4, 4.0), (0.5, 0.5), (np.float16(1.5), 1.5), (np.int64(-2), -2.0)],
}
BAD = {
    "tool": ["wand", "Box", " box", "", 1, True, np.array(["box"])],
    "theme": ["pink", "Dark", 0, False],
    "hover": ["on", "True", 2, -1, 0.5, np.float32(1)],
    "opacity": [-0.001, 1.001, -np.inf, "0.5", True, np.bool_(True), decimal.Decimal("0.5"), np.float32("nan")],
    "threshold": [-4.001, 4.001, 1e308, "0", False, np.array(1.0), [0.5]],
}
REMEDIES = {
    "tool": "give " + " or ".join(f"'{name}'" for name in TOOLS),
    "theme": "give 'auto' or 'light' or 'dark'",
    "hover": "give True or False",
    "opacity": "give a number from 0 to 1",
    "threshold": "give a number from -4 to 4",
}


def rows(table):
    return [pytest.param(name, row, id=f"{name}-{n}") for name, values in table.items() for n, row in enumerate(values)]


@pytest.fixture(scope="module")
def widget():
    widget = WiredWidget()
    yield widget
    widget.close()


def test_the_tables_have_every_setting():
    assert set(GOOD) == set(BAD) == set(REMEDIES) == SETTINGS


@pytest.mark.parametrize(("name", "row"), rows(GOOD))
def test_what_is_in_range_is_set(widget, name, row):
    value, expected = row
    setattr(widget, name, value)
    assert (getattr(widget, name), type(getattr(widget, name))) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "value"), rows({name: [*values, *NOTHING_MEANT, 10**5000] for name, values in BAD.items()})
)
def test_anything_else_is_refused_with_the_remedy(widget, name, value):
    before = getattr(widget, name)
    with pytest.raises(traitlets.TraitError, match=rf"^{name} is .*: {REMEDIES[name]}$") as caught:
        setattr(widget, name, value)
    assert len(str(caught.value)) < 300
    assert getattr(widget, name) == before
    with pytest.raises(traitlets.TraitError, match=f"^{name} is"):
        WiredWidget(**{name: value})


@pytest.mark.parametrize("name", sorted(KERNEL_OWNED))
@pytest.mark.parametrize("value", [{}, {"objects": []}, b"", None], ids=repr)
def test_what_the_kernel_writes_is_read_only(widget, name, value):
    before = getattr(widget, name)
    with pytest.raises(traitlets.TraitError, match="read-only"):
        setattr(widget, name, value)
    assert getattr(widget, name) is before


def test_no_trait_takes_what_nobody_could_mean_or_raises_another_error(widget):
    for name, trait in widget.traits().items():
        for value in NOTHING_MEANT:
            if value is None and trait.allow_none:
                continue
            before = getattr(widget, name)
            try:
                trait._validate(widget, value)
            except traitlets.TraitError:
                assert getattr(widget, name) is before, name
            else:
                assert name not in SETTINGS


@pytest.mark.parametrize(
    ("height", "css"), [(300, "300px"), (300.5, "300.5px"), (np.int64(240), "240px"), ("20em", "20em"), ("50%", "50%")]
)
def test_a_height_is_pixels_or_a_css_length(make, height, css):
    assert make(height=height).layout.height == css


@pytest.mark.parametrize("height", [0, -5, float("nan"), float("inf"), True, "", [300], 10**400], ids=short_text)
def test_a_height_that_is_none_is_refused(height):
    with pytest.raises(traitlets.TraitError, match=r"^height is .*: give a number of pixels from 1, or a CSS length"):
        WiredWidget(height=height)
