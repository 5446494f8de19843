"""marimo: a cell that reads the value of the widget runs again after each change."""

from tests.hosts.conftest import click_the_cup
from tests.hosts.examples import example

COMMAND = ["marimo", "-q", "run", "--headless", "--no-token", "--host", "127.0.0.1", "--port", "{port}", "app.py"]


def test_marimo(open_host):
    host = open_host(COMMAND, {"app.py": example("marimo")})
    click_the_cup(host)
    host.widget().press("Control+z")
    assert host.areas(0) == []
    assert host.outside == []


def test_dark_marimo(open_host):
    dark = '[tool.marimo.display]\ntheme = "dark"\n'
    host = open_host(COMMAND, {"app.py": example("marimo"), "pyproject.toml": dark})
    click_the_cup(host)
    assert host.widget().root.get_attribute("data-theme") == "dark"
