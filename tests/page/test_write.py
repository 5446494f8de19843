"""Which files a page has, and how the command line and the widget write one."""

import base64
import gzip
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from samwidget.cli import app
from samwidget.errors import SamWidgetError, SamWidgetWarning
from samwidget.page import write, write_page
from tests.widget.fakes import WiredWidget

IMAGE = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)


def parts_of(html):
    """The files inside a page, by name."""
    found = re.findall(r'<script type="text/plain" id="samwidget-(\w+)">([^<]*)</script>', html)
    return {name: base64.b64decode(data) for name, data in found}


def test_a_folder_has_all_that_the_script_reads(built, tmp_path):
    folder = tmp_path / "page"
    size = write_page(IMAGE, folder, name="cups.jpg")
    html = (folder / "index.html").read_text()
    paths = re.findall(r'data-path="([^"]+)"', html)
    assert sorted(paths) == sorted(write._FILES.values())
    assert {path.name for path in folder.iterdir()} == {*paths, "index.html", "THIRD_PARTY_NOTICES.txt"}
    assert size == sum(path.stat().st_size for path in folder.iterdir())
    manifest = json.loads((folder / "page.json").read_text())
    assert manifest["photo"]["size_hw"] == [300, 400]
    assert manifest["bytes"] == sum((folder / path).stat().st_size for path in paths if path != "page.json")
    height, width = manifest["frame"]["content_hw"]
    assert len(gzip.decompress((folder / "pixels.bin").read_bytes())) == 3 * height * width
    assert Image.open(io.BytesIO((folder / "photo.bin").read_bytes())).size == (400, 300)


def test_one_file_has_the_same_inside(built, tmp_path):
    write_page(IMAGE, tmp_path / "page", name="cups.jpg")
    write_page(IMAGE, tmp_path / "page.html", name="cups.jpg")
    parts = parts_of((tmp_path / "page.html").read_text())
    assert parts == {key: (tmp_path / "page" / name).read_bytes() for key, name in write._FILES.items()}


def test_a_page_may_ask_no_other_address(built, tmp_path):
    write_page(IMAGE, tmp_path / "page.html")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', (tmp_path / "page.html").read_text())
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_names_are_text_in_the_page(built, tmp_path):
    write_page(IMAGE, tmp_path / "page.html", title="<b>cups</b> & more")
    assert "<title>&lt;b&gt;cups&lt;/b&gt; &amp; more</title>" in (tmp_path / "page.html").read_text()


def test_a_large_photo_is_made_smaller(built, tmp_path):
    write_page(np.zeros((3000, 5000, 3), np.uint8), tmp_path / "page")
    assert Image.open(io.BytesIO((tmp_path / "page/photo.bin").read_bytes())).size == (4096, 2458)
    assert json.loads((tmp_path / "page/page.json").read_text())["photo"]["size_hw"] == [3000, 5000]


def test_a_checkout_without_the_script_says_how_to_build_it(built, tmp_path):
    (built / "kernel.js").unlink()
    with pytest.raises(SamWidgetError, match="make bundle"):
        write_page(IMAGE, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_the_command_writes_a_page(built, tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "cups.png")
    result = CliRunner().invoke(app, ["page", str(tmp_path / "cups.png"), "-o", str(tmp_path / "page")])
    assert result.exit_code == 0, result.output
    assert "MB" in result.output
    assert "<title>cups.png</title>" in (tmp_path / "page/index.html").read_text()


def test_the_page_of_a_widget_has_its_objects(built, tmp_path):
    with WiredWidget(IMAGE) as widget:
        widget.do("add_point", x=60.5, y=40, label=1)
        widget.do("rename", object=None, name="cup")
        widget.do("choose", level=2)
        widget.add_masks([IMAGE[..., 0] > 250])
        with pytest.warns(SamWidgetWarning, match="object 2: they are left out"):
            widget.to_page(tmp_path / "page.html")
    (saved,) = json.loads(parts_of((tmp_path / "page.html").read_text())["manifest"])["objects"]
    assert saved["name"] == "cup"
    assert saved["points"] == [[60.5, 40.0, 1]]
    assert saved["levels"] == {"chosen": 2, "refined": None}
