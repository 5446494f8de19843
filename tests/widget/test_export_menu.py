"""The menu of formats in the browser offers what the kernel writes."""

import re
from pathlib import Path

from samwidget.formats import FORMATS

MENU = Path(__file__).parents[2] / "samwidget/frontend/src/panels/export.ts"
WITH_TABLE = {"label_map"}  # its table is a file of its own
ROW = re.compile(r'format: "(\w+)", title: "[^"]+", file: "([.\w]+)"')


def test_the_menu_has_every_format_with_the_suffix_of_its_file():
    rows = dict(ROW.findall(MENU.read_text()))
    suffixes = {name: chosen.suffixes[:1] or (".zip",) for name, chosen in FORMATS.items()}
    assert rows == {name: ".zip" if name in WITH_TABLE else suffix for name, (suffix,) in suffixes.items()}


def test_the_menu_knows_which_formats_need_a_file_for_each_image():
    names = re.search(r"FILE_FOR_EACH[^=]*= new Set\(\[([^\]]*)\]\)", MENU.read_text())[1]
    expected = {name for name, chosen in FORMATS.items() if chosen.suffixes and not chosen.holds_many}
    expected -= WITH_TABLE
    assert set(re.findall(r'"(\w+)"', names)) == expected
