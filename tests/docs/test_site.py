"""The docs site builds strictly, has every page and every public name, and asks no other host for anything."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings")

ROOT = Path(__file__).parents[2]
STUBS = {"": ROOT / "samwidget/__init__.pyi"} | {
    f".{name}": ROOT / f"samwidget/{name}/__init__.pyi" for name in ("compat", "explain", "serving", "training")
}
# What a browser loads by itself; a link that a reader follows may lead anywhere.
LOADED = re.compile(r"""<(?:(?:script|img|iframe)\b[^>]*?\bsrc|link\b[^>]*?href)=["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. A page without a place, a dead link, a missing anchor or an unknown name fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", "docs/site/mkdocs.yml", "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(site, pattern):
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(site.glob(pattern)))


def test_each_page_and_notebook_is_in_the_navigation(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    pages = [f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")]
    notebooks = [f"{path.stem}.html" for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_" not in str(path)]
    missing = [name for name in [*pages, *notebooks, "changes.html", "contributing.html"] if name not in front]
    assert not missing, missing


def test_each_public_name_is_in_the_reference(site):
    reference = text_of(site, "reference/*.html")
    # An alias of a function, which the page names in a sentence.
    aliases = {"samwidget.compat.build_sam"}
    assert [
        name
        for package, stub in STUBS.items()
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for name in [f"samwidget{package}.{alias.asname}" for alias in node.names]
        if not re.search(rf'id="{re.escape(name)}"|id="samwidget.errors.{name.rpartition(".")[2]}"', reference)
        and name not in aliases
    ] == []


def test_each_command_is_in_the_reference(site):
    from samwidget.cli import app

    page = (site / "reference/command_line.html").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert f"samwidget {command.name or command.callback.__name__}</h2>" in re.sub(r"<a .*?</a>", "", page)


def test_each_picture_is_in_the_gallery_or_on_a_page(site):
    pages = text_of(site, "**/*.html")
    unused = [path.name for path in (ROOT / "docs/pictures").iterdir() if f"pictures/{path.name}" not in pages]
    assert not unused, unused


def test_no_page_loads_anything_from_another_host(site):
    found = [page.name for page in site.rglob("*.html") if LOADED.search(page.read_text(encoding="utf-8"))]
    style = [
        path.name
        for path in site.rglob("*.css")
        if re.search(r"url\(['\"]?(?:https?:)?//", path.read_text(encoding="utf-8"))
    ]
    assert not found + style


def test_search_knows_the_reference_and_no_sources(site):
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    places = {entry["location"] for entry in index["docs"]}
    assert "reference/widget.html#samwidget.SamWidget.add" in places
    assert not [place for place in places if place.startswith("source/")]


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_search_in_a_page_that_is_opened_as_a_file(site):
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import CHROMIUM_FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.click(".md-search__input")
        page.keyboard.type("session file")
        page.wait_for_selector(".md-search-result__item a[href*='session_file.html']")
        assert not [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))]
        browser.close()
