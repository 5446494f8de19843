"""Voila: the notebook runs in a kernel, and its page shows the outputs alone."""

from tests.hosts.conftest import click_the_cup
from tests.hosts.examples import example, notebook


def test_voila(open_host):
    command = ["voila", "--no-browser", "--Voila.ip=127.0.0.1", "--port={port}", "--Voila.port_retries=0", "app.ipynb"]
    host = open_host(command, {"app.ipynb": notebook(example("JupyterLab, Notebook 7 and Voila"))})
    click_the_cup(host)
    assert all(url.endswith(".css") for url in host.outside)  # icons of Voila's, which nothing here needs
