"""Voila: the notebook runs in a kernel, and its page shows the outputs alone."""

from tests.hosts.conftest import click_the_cup
from tests.hosts.notebooks import CELLS, notebook_text


def test_voila(open_host):
    command = ["voila", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}", "--Voila.port_retries=0", "app.ipynb"]
    host = open_host(command, {"app.ipynb": notebook_text(*CELLS)})
    click_the_cup(host)
    assert host.outside == []
