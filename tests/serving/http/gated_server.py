"""A real server on the fake network: ``python -m tests.serving.http.gated_server '{"gate": "PATH", ...}'``.

While the file ``gate`` exists, the network does not answer.
"""

import json
import sys
import time
from pathlib import Path

from samwidget.models.segmenter import SAM_EVERYTHING
from samwidget.predict.embedding_cache import EmbeddingCache
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.auth import BearerKey, NoKey
from samwidget.serving.http.connection import Connections
from samwidget.serving.http.server import listen, run_server
from samwidget.serving.http.service import Service
from samwidget.serving.limits import Limits
from tests.predict.fake_segmenter import FakeSegmenter


class GatedSegmenter(FakeSegmenter):
    everything_defaults = SAM_EVERYTHING

    def __init__(self, gate, **kwargs):
        super().__init__(**kwargs)
        self._gate_file = Path(gate)

    def decode(self, *args, **kwargs):
        while self._gate_file.exists():
            time.sleep(0.005)
        return super().decode(*args, **kwargs)


def main(
    gate,
    key=None,
    port=0,
    signature="fake 1",
    waiting_max=2,
    wait_s=20.0,
    stuck_s=300.0,
    embeddings_bytes_max=1_000_000,
    connections=None,
    grace_s=20,
    **limits,
):
    predictor = SamPredictor(GatedSegmenter(gate, signature=signature))
    admission = Admission([predictor], waiting_max=waiting_max, wait_s=wait_s)
    listener = listen("127.0.0.1", port)
    port = listener.getsockname()[1]
    service = Service(
        [predictor],
        admission,
        NoKey() if key is None else BearerKey(key),
        Limits(**limits),
        stuck_s=stuck_s,
        embeddings=EmbeddingCache(embeddings_bytes_max),
    )
    run_server(
        service,
        listener,
        lambda: sys.stdout.write(f"listening at http://127.0.0.1:{port}\n"),
        connections=Connections(**connections or {}),
        grace_s=grace_s,
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
