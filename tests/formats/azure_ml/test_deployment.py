"""The YAML of a deployment: what is taken, what is ignored and said, and what is refused."""

import sys
from pathlib import Path

import pytest

from samwidget.errors import FormatError
from samwidget.formats.azure_ml.deployment import Deployment, model_here, read_batch_deployment, read_deployment

SHIPPED = Path(__file__).parents[3] / "docs/deploy/deploy-online.yaml"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "deploy.yaml"
        path.write_text(text)
        return read_deployment(path)

    return read


def test_everything_that_means_something_here(read):
    assert read(
        """
        $schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
        name: blue
        endpoint_name: masks
        model: facebook/sam-vit-base
        instance_count: 2
        instance_type: Standard_NC6s_v3
        request_settings:
          request_timeout_ms: 90000
          max_concurrent_requests_per_instance: 3
          max_queue_wait_ms: 500
        liveness_probe: {period: 5, failure_threshold: 6, initial_delay: 10}
        """
    ) == Deployment(
        name="blue",
        model="facebook/sam-vit-base",
        instance_count=2,
        request_timeout_ms=90000,
        max_concurrent_requests_per_instance=3,
        max_queue_wait_ms=500,
        probe_period_s=5,
        probe_failure_threshold=6,
        ignored=(
            "$schema",
            "endpoint_name",
            "instance_type",
            "liveness_probe.initial_delay",
        ),
    )


def test_an_empty_file_asks_for_nothing(read):
    assert read("") == Deployment()


def test_a_model_folder_lies_beside_the_file(read, tmp_path):
    (tmp_path / "network").mkdir()
    assert read("model: network").model == str(tmp_path / "network")
    assert read("model: {path: ./network, name: sam, version: 1}").model == str(tmp_path / "network")


def test_a_model_of_a_workspace_is_not_here(read):
    deployment = read("model: azureml:sam-vit-huge:3")
    with pytest.raises(FormatError, match="choose a model with --model"):
        model_here(deployment.model, ["facebook/sam-vit-huge"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "not a mapping"),
        ("name: [", "cannot be read"),
        ("[" * 2000, "cannot be read"),
        ("name: 3", "name is 3"),
        ("instance_count: 0", "at least 1"),
        ("instance_count: true", "at least 1"),
        ("instance_count: '2'", "give a whole number"),
        ("request_settings: {request_timeout_ms: 1.5}", "request_settings.request_timeout_ms is 1.5"),
        ("request_settings: 3", "request_settings is 3, not a mapping"),
        ("request_settings: {request_timout_ms: 3}", "did you mean request_settings.request_timeout_ms"),
        ("request_settings: {colour: red}", "unknown keys: request_settings.colour"),
        ("mini_batch_size: 3", "unknown keys: mini_batch_size"),
        ("a: !!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_what_cannot_be_meant(read, text, message):
    with pytest.raises(FormatError, match=message):
        read(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        read_deployment(tmp_path / "none.yaml")


def test_the_file_of_the_docs():
    deployment = read_deployment(SHIPPED)
    assert deployment.request_timeout_ms
    assert deployment.max_queue_wait_ms
    assert "request_settings" not in " ".join(deployment.ignored)


def test_a_missing_yaml_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    for reader, extra in ((read_deployment, "serve"), (read_batch_deployment, "batch")):
        with pytest.raises(FormatError, match="needs the package pyyaml") as caught:
            reader(tmp_path / "deploy.yaml")
        assert caught.value.hint == f"pip install 'samwidget[{extra}]'"
