"""Panel, with ipywidgets_bokeh: it loads anywidget from the web, here from the copy that pip has installed."""

import sys
from pathlib import Path

from tests.hosts.conftest import click_the_cup

APP = """
import panel as pn
from samwidget import SamWidget

pn.extension("ipywidgets")
w = SamWidget("coffee.jpg", opacity=1.0)
summary = pn.pane.Str("Python has 0 objects")


def show(change):
    objects = change["new"]["objects"]
    summary.object = f"Python has {len(objects)} objects" + "".join(
        f" {item['colour']} {item['area']}" for item in objects
    )


w.observe(show, "document")
pn.Column(pn.pane.IPyWidget(w, sizing_mode="stretch_width"), summary).servable()
"""
ANYWIDGET = Path(sys.prefix) / "share/jupyter/nbextensions/anywidget/index.js"


def test_panel(open_host):
    command = ["panel", "serve", "--address", "127.0.0.1", "--port", "{port}", "app.py"]
    host = open_host(command, {"app.py": APP}, "/app", {"https://unpkg.com/anywidget@": ANYWIDGET})
    click_the_cup(host)
    assert {url for url in host.outside if not url.endswith(".css")} == {
        url for url in host.outside if "anywidget" in url
    }
    host.widget().press("Control+z")
    assert host.python_says(0) == []
