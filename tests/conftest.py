"""What tests share: one Chromium for browser/ and hosts/, and reports that pytest-xdist can send."""

import shutil
import signal
from pathlib import Path

import pytest

IN_BROWSER = [Path(__file__).parent / name for name in ("browser", "hosts")]


# A shell starts commands in the background with Ctrl-C ignored, and some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if any(folder in item.path.parents for folder in IN_BROWSER):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    # pytest-xdist sends UTF-8, and a log may name a file with half a surrogate pair.
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def chromium():
    """Chromium without a window; one for all, since Playwright starts only once in a process."""
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import CHROMIUM_FLAGS

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is missing: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
