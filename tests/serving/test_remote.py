"""SamPredictor.from_endpoint against real servers: masks, errors and the widget are as with a network here."""

import warnings
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import samwidget
from samwidget.core.measure import iou
from samwidget.core.prompt import make_prompt
from samwidget.core.upsample import upsample_mask
from samwidget.errors import EndpointError, LimitError, PromptError, SamWidgetWarning
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict.predictor import SamPredictor
from tests.drawn_photo import drawn_photo
from tests.serving.http.test_server import KEY, PHOTO, gated
from tests.serving.processes import running
from tests.widget.fakes import WiredWidget

COFFEE = Path(__file__).parents[2] / "notebooks/photos/coffee.jpg"
PROMPTS = [
    make_prompt([[290, 110]]),
    make_prompt([[290, 110], [20, 20]], [1, 0]),
    make_prompt(box=[320, 60, 430, 330]),
    make_prompt([[300, 200]], box=[100, 50, 500, 350]),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """``samwidget serve`` as a user starts it; the key is the one that it printed."""
    config = tmp_path_factory.mktemp("serve") / "deploy.yaml"
    config.write_text("name: blue\nendpoint_name: masks\nrequest_settings: {request_timeout_ms: 30000}\n")
    with running(["samwidget", "serve", "--port", "0", "--config", str(config)], SAMWIDGET_KEY="") as process:
        assert process.wait_for("ignored here: (.*)")[1] == "endpoint_name"
        assert process.wait_for("^(.*): (.*)$").groups() == ("blue", "nano on cpu")
        key = process.wait_for(r"key: (\S+)")[1]
        yield process.wait_for(r"listening at (http://127.0.0.1:\d+),")[1], key


@pytest.fixture(scope="module")
def local():
    return SamPredictor.from_pretrained()


@pytest.fixture
def remote(server):
    url, key = server
    return SamPredictor.from_endpoint(url, key=key)


def counted(server, method, route, status="200"):
    url, key = server
    text = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {key}"}, trust_env=False).text
    wanted = {"method": method, "route": route, "status": status}
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "samwidget_requests_total" and sample.labels == wanted
    )


def uploads(server):
    return counted(server, "PUT", "/images/{sha256}")


def mask_requests(server):
    return counted(server, "POST", "/images/{sha256}/masks")


def on_the_wire(logits):
    """Logits as they arrive: an outline that crosses steep logits moves by some pixels."""
    return logits.astype(np.float16).astype(np.float32)


def assert_the_same(ours, theirs):
    """Masks of a remote network and of the same one here; the wire rounds logits to half precision."""
    assert ours.frame == theirs.frame
    np.testing.assert_allclose(ours.logits, theirs.logits, rtol=2**-10, atol=1e-6)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    rounded = replace(theirs, logits=on_the_wire(theirs.logits))
    for a, b in zip(ours.to_bool(), rounded.to_bool(), strict=True):
        assert iou(a, b) > 0.9999


@pytest.mark.parametrize("several", [True, False])
def test_the_answers_are_those_of_the_same_network_here(remote, local, several):
    there = remote.predict_many(PROMPTS, remote.embed(COFFEE), several)
    here = local.predict_many(PROMPTS, local.embed(COFFEE), several)
    for ours, theirs in zip(there, here, strict=True):
        assert len(ours) == (3 if several else 1)
        assert_the_same(ours, theirs)


def test_a_mask_is_a_prompt_too(remote, local):
    remote.set_image(COFFEE)
    local.set_image(COFFEE)
    logits = local.predict([[290, 110]], multimask_output=False).low_res_logits
    ours = remote.predict([[290, 110]], mask_input=logits, return_logits=True)
    theirs = local.predict([[290, 110]], mask_input=logits, return_logits=True)
    np.testing.assert_allclose(ours.masks, theirs.masks, rtol=1e-2, atol=2e-2)
    np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_what_it_says_of_itself(server, remote):
    assert remote.name == f"nano at {server[0].removeprefix('http://')}"
    assert str(remote.device) == "cpu"
    assert remote.everything_defaults == SamPredictor.from_pretrained().everything_defaults
    assert server[0] in remote.device_reason


def test_an_image_is_sent_once_even_by_two_kernels(server):
    url, key = server
    photo, before = drawn_photo(64, 80, seed=5), uploads(server)
    for _ in range(2):
        predictor = SamPredictor.from_endpoint(url + "/score", key=key)
        for _ in range(3):
            predictor.set_image(photo)
            predictor.predict([[30, 30]])
        assert predictor.encodes == 1
    assert uploads(server) == before + 1


def test_the_widget_drives_a_network_elsewhere(server, remote, local):
    before = mask_requests(server)
    with WiredWidget(COFFEE, predictor=remote) as w:
        w.do("add_point", x=290, y=110, label=1)
        w.do("accept")
        w.say("hover", x=350, y=200, label=1)
        w.wire.wait_for("preview")
        w.add(box=[320, 60, 430, 330])
        assert w.status["network"] == remote.name
        assert w.status["phase"] == "ready"
        masks, scores = w.masks, w.scores
        request = w.request()
    assert mask_requests(server) >= before + 3
    with WiredWidget(COFFEE, predictor=local) as w:
        w.do("add_point", x=290, y=110, label=1)
        w.do("accept")
        w.add(box=[320, 60, 430, 330])
        np.testing.assert_array_equal(scores, w.scores)
        for ours, theirs in zip(masks, w.objects, strict=True):
            assert iou(ours, upsample_mask(on_the_wire(theirs.logits), theirs.frame)) > 0.9999
    # And score() takes it like any other.
    for answer, mask in zip(parse_response(samwidget.score(request, remote)), masks, strict=True):
        ((found, found_scores),) = answer
        assert iou(found[found_scores.argmax()], mask) > 0.9999


# When the server is not as it was.


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory):
    """Keeps one image, refuses many points, and lets nobody wait."""
    with gated(tmp_path_factory, embeddings_bytes_max=1, points=50, waiting_max=0) as server:
        yield server


def test_a_forgotten_image_is_sent_again(forgetful):
    predictor = SamPredictor.from_endpoint(forgetful.url, key=KEY)
    first, second = predictor.embed(PHOTO), predictor.embed(drawn_photo(30, 40, seed=1))
    for embedding in (first, second, first):
        (masks,) = predictor.predict_many([make_prompt([[5, 9]])], embedding)
        assert masks.to_bool()[0, 9, 5]
    assert predictor.encodes == 2


def test_a_server_with_another_network_is_noticed(tmp_path_factory):
    with gated(tmp_path_factory) as before:
        predictor = SamPredictor.from_endpoint(before.url, key=KEY)
        predictor.set_image(PHOTO)
        predictor.predict([[5, 9]])
        port = int(before.url.rpartition(":")[2])
    with pytest.raises(EndpointError, match="cannot be reached"):
        predictor.predict([[5, 9]])
    with gated(tmp_path_factory, port=port, signature="fake 2"):
        with pytest.raises(EndpointError, match=r"runs another model now: call SamPredictor\.from_endpoint again"):
            predictor.predict([[5, 9]])
        # Another client has shown it the image meanwhile.
        SamPredictor.from_endpoint(before.url, key=KEY).set_image(PHOTO)
        with pytest.raises(EndpointError, match="runs 'fake 2'"):
            predictor.predict([[5, 9]])


def test_refusals_of_the_server_are_errors_here(forgetful):
    predictor = SamPredictor.from_endpoint(forgetful.url, key=KEY)
    predictor.set_image(PHOTO)
    with pytest.raises(LimitError, match="51 points, at most 50"):
        predictor.predict([[5, 9]] * 51)
    with pytest.raises(PromptError, match="outside the image"):
        predictor.predict([[99, 9]])


def test_a_busy_server_is_asked_again_until_the_time_is_up(forgetful):
    patient = SamPredictor.from_endpoint(forgetful.url, key=KEY, timeout_s=2)
    patient.set_image(PHOTO)
    forgetful.gate.touch()
    try:
        with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as other:
            with pytest.raises(httpx.ReadTimeout):
                other.post(
                    forgetful.url + "/score",
                    json=build_request(PHOTO, points=[[5, 9]]),
                    timeout=httpx.Timeout(60, read=0.2),
                )
            with pytest.raises(EndpointError, match=r"reports an error .*server already has|does not answer within"):
                patient.predict([[5, 9]])
    finally:
        forgetful.gate.unlink()
    patient = SamPredictor.from_endpoint(forgetful.url, key=KEY)
    patient.set_image(PHOTO)
    assert patient.predict([[5, 9]]).masks[0, 9, 5]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:1", "127.0.0.1:1 cannot be reached: is it running?"),
        ("127.0.0.1:5001", "is not the address of a server: give http"),
        ("file:///tmp", "is not the address of a server"),
    ],
)
def test_addresses_that_lead_nowhere(url, message):
    with pytest.raises(EndpointError) as caught:
        SamPredictor.from_endpoint(url)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", [None, "another key of enough letters"])
def test_the_wrong_key(server, monkeypatch, key):
    monkeypatch.delenv("SAMWIDGET_KEY", raising=False)
    with pytest.raises(EndpointError, match=r"refuses the key: give key=\.\.\., or set SAMWIDGET_KEY"):
        SamPredictor.from_endpoint(server[0], key=key)


def test_the_key_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("SAMWIDGET_KEY", server[1])
    assert SamPredictor.from_endpoint(server[0]).name.startswith("nano at ")


def test_a_key_in_clear_over_the_network_is_worth_a_warning():
    from samwidget.models.remote.client import Endpoint

    with pytest.warns(SamWidgetWarning, match="sent to gpu-box without encryption"):
        Endpoint("http://gpu-box", KEY, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Endpoint("http://localhost:5001", KEY, 1)
        Endpoint("https://gpu-box", KEY, 1)
        Endpoint("http://gpu-box", "", 1)
