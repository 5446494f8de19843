"""The docs site builds strictly, has every page and every public name, and asks no other host for anything."""

import ast
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from samwidget.explain.grid_points import FATES
from samwidget.explain.lessons.grid import grid_of_clicks

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings")

ROOT = Path(__file__).parents[2]
STUBS = {"": ROOT / "samwidget/__init__.pyi"} | {
    f".{name}": ROOT / f"samwidget/{name}/__init__.pyi" for name in ("compat", "explain", "serving", "training")
}
# What a browser loads by itself; a link that a reader follows may lead anywhere.
LOADED = re.compile(r"""<(?:(?:script|img|iframe)\b[^>]*?\bsrc|link\b[^>]*?href)=["']?(?:https?:)?//""")


TIMEOUT_S = 120
needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. A page without a place, a dead link, a missing anchor or an unknown name fails the build."""
    if not (ROOT / "build/live/site.js").is_file():
        pytest.skip("the scripts of the site are not built: make bundle")
    pytest.importorskip("onnx")
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


@needs_chromium
def test_search_in_a_page_that_is_opened_as_a_file(site, chromium):
    context = chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.click(".md-search__input")
    page.keyboard.type("session file")
    page.wait_for_selector(".md-search-result__item a[href*='session_file.html']")
    assert not [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))]
    context.close()


@pytest.fixture(scope="module")
def address(site):
    """Of the site on a plain web server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def live(address, chromium):
    """A page of the site that may ask this server only."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script("globalThis.samwidgetReportsState = true")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_S * 1000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
    context.close()


def state_of(widget):
    return json.loads(widget.get_attribute("data-sw-state") or "{}")


def wait_for(page, widget, **expected):
    """Waits until the state of the widget has these values and nothing is pending."""
    expected = {"phase": "ready", "pending": 0, **expected}
    widget.wait_for()
    end = time.monotonic() + TIMEOUT_S
    while any(state_of(widget).get(name) != value for name, value in expected.items()):
        assert time.monotonic() < end, (expected, state_of(widget))
        page.wait_for_timeout(50)


def click(widget, x, y, **options):
    """Clicks on a pixel of the photo, once it stands still and nothing lies over it."""
    stage = state_of(widget)["stage"]
    place = {"x": stage["x"] + x * stage["scale"], "y": stage["y"] + y * stage["scale"]}
    widget.locator("canvas").first.click(position=place, **options)


@needs_chromium
def test_the_front_page_has_the_widget(live, address):
    loaded = []
    live.on("request", lambda request: loaded.append(request.url.removeprefix(address)))
    live.set_viewport_size({"width": 1280, "height": 200})
    live.goto(address)
    assert "live/site.js" in loaded
    assert "live/runtime.bin" not in loaded, "the network is loaded before the widget is in view"
    live.set_viewport_size({"width": 1280, "height": 900})
    live.locator(".sw-stage").scroll_into_view_if_needed()
    widget = live.locator(".sw-stage .samwidget")
    wait_for(live, widget)
    click(widget, 220, 120)
    wait_for(live, widget, objects=1)


@needs_chromium
def test_a_live_lesson_accepts_what_is_right_and_hints_at_what_is_wrong(live, address):
    live.goto(f"{address}lessons/01_one_click_three_answers.html")
    guess, two_clicks = (live.locator(f'.sw-lesson[data-exercise="{number}"]') for number in (1, 4))
    for option, hint in (("1", "Candidate 1 is the smallest"), ("3", "Right.")):
        guess.get_by_role("button", name=option, exact=True).click()
        guess.get_by_role("status").get_by_text(hint).wait_for()
    two_clicks.scroll_into_view_if_needed()
    widget = two_clicks.locator(".samwidget")
    wait_for(live, widget)
    two_clicks.get_by_role("button", name="Check").click()
    two_clicks.get_by_text("Do this first").wait_for()
    click(widget, 220, 120)
    wait_for(live, widget, objects=1)
    two_clicks.get_by_role("button", name="Check").click()
    two_clicks.get_by_text("Add a second one.").wait_for()
    click(widget, 230, 220, button="right")
    two_clicks.get_by_text("2 clicks", exact=True).wait_for()
    two_clicks.get_by_role("button", name="Check").click()
    two_clicks.get_by_text("Two clicks say what one could not say.").wait_for()
    two_clicks.get_by_role("button", name="Reset").click()
    wait_for(live, widget, objects=0)


@needs_chromium
def test_a_live_grid_of_clicks_finds_what_python_finds(live, address):
    lesson = grid_of_clicks(ROOT / "notebooks/photos")
    live.goto(f"{address}lessons/08_everything_is_a_grid_of_clicks.html")
    grid, missed = live.locator('.sw-lesson[data-figure="cell-12"]'), live.locator('.sw-lesson[data-exercise="4"]')
    grid.scroll_into_view_if_needed()
    grid.get_by_text("16 of 16 points asked").wait_for()
    fates = [point.fate for point in lesson.points(4)]
    assert [int(count) for count in grid.locator(".sw-lesson-fate b").all_inner_texts()] == [
        fates.count(fate) for fate in FATES
    ]
    missed.scroll_into_view_if_needed()
    widget = missed.locator(".samwidget")
    wait_for(live, widget)
    click(widget, 172, 262)
    wait_for(live, widget, objects=1)
    missed.get_by_role("button", name="Check").click()
    lesson.widget(4).add(points=[172, 262])
    missed.locator(".is-right" if lesson.check(4) else ".is-wrong").wait_for()
    lesson.close()
