"""docs/keyboard.md says what the widget does."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_made_from_the_table():
    spec = importlib.util.spec_from_file_location("make_keyboard", DOCS / "make_keyboard.py")
    make_keyboard = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_keyboard)
    assert (DOCS / "keyboard.md").read_text() == make_keyboard.page(), "run `make generate`"
