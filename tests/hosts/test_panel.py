"""Panel, with ipywidgets_bokeh: it loads anywidget from the web, here from the copy that pip has installed."""

import sys
from pathlib import Path

from tests.hosts.conftest import click_the_cup
from tests.hosts.examples import example

ANYWIDGET = Path(sys.prefix) / "share/jupyter/nbextensions/anywidget/index.js"


def test_panel(open_host):
    command = ["panel", "serve", "--address", "127.0.0.1", "--port", "{port}", "app.py"]
    host = open_host(command, {"app.py": example("Panel")}, "/app", {"https://unpkg.com/anywidget@": ANYWIDGET})
    click_the_cup(host)
    # Styles are of Panel's own icons, which nothing here needs.
    assert all(url.startswith("https://unpkg.com/anywidget@") or url.endswith(".css") for url in host.outside)
    host.widget().press("Control+z")
    assert host.areas(0) == []
