"""Which requests may come in: with the key of the server, or without a key from programs on this machine."""

import asyncio

import pytest
from starlette.requests import Request

from samwidget.errors import SamWidgetError
from samwidget.serving.http.auth import KEY_VARIABLE, BearerKey, NoKey, choose_key, is_loopback
from samwidget.serving.http.errors import AccessError

KEY = "a key of enough letters"


def check(access, **headers):
    """Runs a check on a request with these headers."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(access(Request({"type": "http", "headers": raw})))


@pytest.mark.parametrize("authorization", [f"Bearer {KEY}", f"bearer {KEY}", f"Bearer  {KEY}"])
def test_the_right_key_is_accepted(authorization):
    check(BearerKey(KEY), authorization=authorization, origin="https://example.org")


def test_a_key_beyond_ascii_is_accepted():
    check(BearerKey("ein Schlüssel, lang genug"), authorization="Bearer ein Schlüssel, lang genug")


@pytest.mark.parametrize(
    "authorization", ["", KEY, "Bearer", "Bearer wrong", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer ü"]
)
def test_other_keys_are_refused(authorization):
    with pytest.raises(AccessError, match="the key is missing or wrong") as caught:
        check(BearerKey(KEY), authorization=authorization)
    assert caught.value.status == 401


@pytest.mark.parametrize("host", ["localhost:5001", "127.0.0.1:5001", "[::1]:5001", "LOCALHOST"])
def test_without_a_key_programs_on_this_machine_are_accepted(host):
    check(NoKey(), host=host)


@pytest.mark.parametrize(
    "values",
    [
        {"host": "localhost:5001", "origin": "https://example.org"},
        {"host": "localhost:5001", "origin": "null"},
        {"host": "rebound.example.org:5001"},  # a page's own name, pointed at this machine
        {"host": "[::1"},
        {},
    ],
)
def test_without_a_key_web_pages_are_refused(values):
    with pytest.raises(AccessError) as caught:
        check(NoKey(), **values)
    assert caught.value.status == 403


def test_open_to_anyone_takes_any_name():
    check(NoKey(own_hosts=None), host="gpu-box:5001")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "gpu-box", "localhost.example.org", ""])
def test_not_loopback(host):
    assert not is_loopback(host)


def test_a_key_is_made_where_none_is_given(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (first, is_new), (second, _) = (choose_key("0.0.0.0", no_key=False, open_to_anyone=False) for _ in range(2))
    assert is_new
    assert first != second
    assert len(first) >= 32


def test_the_environment_gives_the_key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert choose_key("0.0.0.0", no_key=False, open_to_anyone=False) == (KEY, False)


@pytest.mark.parametrize("ending", ["\n", "\r\n", " ", ""])
def test_a_key_from_a_file_is_the_one_that_clients_send(monkeypatch, ending):
    monkeypatch.setenv(KEY_VARIABLE, KEY + ending)
    key, _ = choose_key("0.0.0.0", no_key=False, open_to_anyone=False)
    check(BearerKey(key), authorization=f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("host", "key", "no_key", "message"),
    [
        ("127.0.0.1", "short", False, "at least 16"),
        ("127.0.0.1", "short" + "\n" * 20, False, "at least 16"),
        ("127.0.0.1", "a key of two lines\nand no more", False, "no header can hold"),
        ("0.0.0.0", "", True, "lets anyone use this machine"),
    ],
)
def test_what_is_not_safe_is_refused(monkeypatch, host, key, no_key, message):
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(SamWidgetError, match=message):
        choose_key(host, no_key=no_key, open_to_anyone=False)


@pytest.mark.parametrize(("host", "confirmed"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_no_key_where_that_is_meant(host, confirmed):
    assert choose_key(host, no_key=True, open_to_anyone=confirmed) == (None, False)
