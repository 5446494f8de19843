"""Bodies that are arriving: one deadline for each, and a bound on the memory of all."""

import asyncio

import pytest
from starlette.requests import Request

from samwidget.errors import LimitError
from samwidget.serving.http.body import Uploads
from samwidget.serving.http.errors import BusyError
from samwidget.serving.limits import Limits


class Upload:
    """A request whose body the test sends in pieces."""

    def __init__(self, uploads):
        self._messages = asyncio.Queue()
        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        self.body = asyncio.ensure_future(uploads.read(Request(scope, self._messages.get)))

    async def send(self, data, more=True):
        self._messages.put_nowait({"type": "http.request", "body": data, "more_body": more})
        for _ in range(5):
            await asyncio.sleep(0)


def test_a_body_is_read_whole():
    async def look():
        uploads = Uploads(Limits())
        upload = Upload(uploads)
        await upload.send(b"one ")
        assert len(uploads) == 1
        await upload.send(b"two", more=False)
        assert await upload.body == b"one two"
        assert len(uploads) == 0

    asyncio.run(look())


def test_where_all_bodies_take_too_much_memory_the_one_that_began_first_is_refused():
    async def look():
        uploads = Uploads(Limits(body_bytes=10))  # 160 bytes for all
        first = Upload(uploads)
        await first.send(b"x" * 5)
        others = [Upload(uploads) for _ in range(16)]
        for upload in others[:15]:
            await upload.send(b"x" * 10)
        assert not first.body.done()
        await others[15].send(b"x" * 6)
        with pytest.raises(BusyError, match="too many requests are arriving"):
            await first.body
        assert len(uploads) == 16
        for upload in others:
            await upload.send(b"", more=False)
        assert [len(await upload.body) for upload in others] == [10] * 15 + [6]

    asyncio.run(look())


def test_a_body_has_a_deadline():
    async def look():
        uploads = Uploads(Limits(upload_s=0.05))
        upload = Upload(uploads)
        await upload.send(b"x")
        with pytest.raises(LimitError, match=r"did not arrive within 0\.05 s") as caught:
            await upload.body
        assert caught.value.limit == "upload_s"
        assert len(uploads) == 0

    asyncio.run(look())
