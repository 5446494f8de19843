"""What tests share: Chromium for browser/ and hosts/, reports that pytest-xdist can send, and a profile of hypothesis.

By its profile hypothesis tries the same examples in each run: whether a commit passes is no chance. To look for new
failures, add ``--hypothesis-profile default``.
"""

import contextlib
import shutil
import signal
from pathlib import Path

import pytest

IN_BROWSER = [Path(__file__).parent / name for name in ("browser", "hosts")]


with contextlib.suppress(ImportError):  # `make azure` has no hypothesis
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("repeatable")


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
    from playwright.sync_api import expect, sync_playwright

    from tests.browser.lab import CHROMIUM_FLAGS, PATIENCE_S

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is missing: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        expect.set_options(timeout=PATIENCE_S * 1000)
        yield browser
        browser.close()
