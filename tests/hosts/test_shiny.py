"""Shiny, with shinywidgets: messages leave on the loop of the session, and what they change is reactive there."""

from playwright.sync_api import expect

from tests.hosts.conftest import click_the_cup
from tests.hosts.examples import example

COMMAND = ["shiny", "run", "--host", "127.0.0.1", "--port", "{port}", "app.py"]
# A function of the user in the session, and the height that shinywidgets gives.
HEARD = """
from shiny import App, reactive, render, ui
from shinywidgets import output_widget, render_widget
from samwidget import SamWidget


def server(input, output, session):
    change_count = reactive.value(0)

    @render_widget
    def photo():
        w = SamWidget("coffee.jpg")
        w.on_change(lambda w: change_count.set(change_count() + len(w.objects)))
        return w

    @render.text
    def heard():
        return f"{change_count()} objects"


app = App(ui.page_fluid(output_widget("photo"), ui.output_text("heard")), server)
"""


def test_shiny(open_host):
    host = open_host(COMMAND, {"app.py": example("Shiny")})
    click_the_cup(host)
    widget = host.widget()
    host.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    expect(widget.root).to_have_attribute("data-theme", "dark")
    widget.press("Control+z")
    assert host.areas(0) == []
    assert host.outside == []


def test_shiny_calls_on_change_in_its_session(open_host):
    host = open_host(COMMAND, {"app.py": HEARD})
    widget = host.widget()
    widget.click(290, 110)
    host.areas(1)
    tray, root = widget.part("tray").bounding_box(), widget.root.bounding_box()
    assert tray["y"] + tray["height"] <= root["y"] + root["height"]  # nothing is cut off
