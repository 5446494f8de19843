"""The YAML files in docs/deploy load in Azure ML's SDK, version 2.

The SDK is large and pins packages that others need in newer versions, so it is not installed with the tests. Here its
rules are a table, which ``make azure`` compares with the SDK itself: it runs this file with ``azure-ai-ml`` installed.
"""

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).parents[3] / "docs/deploy"

# For each file the function of azure.ai.ml that reads it, the keys that must be there, and those that may.
DEPLOYMENT = {"$schema", "name", "endpoint_name", "model", "code_configuration", "environment", "environment_variables"}
FILES = {
    "deploy-batch.yaml": (
        "load_batch_deployment",
        {"name", "endpoint_name", "model", "compute"},
        DEPLOYMENT
        | {"compute", "error_threshold", "max_concurrency_per_instance", "mini_batch_size", "output_action"}
        | {"output_file_name", "resources", "retry_settings"},
    ),
    "deploy-online.yaml": (
        "load_online_deployment",
        {"name", "endpoint_name", "instance_type", "instance_count"},
        DEPLOYMENT | {"instance_count", "instance_type", "liveness_probe", "request_settings"},
    ),
    "online-endpoint.yaml": ("load_online_endpoint", {"name", "auth_mode"}, {"$schema", "name", "auth_mode"}),
}
# Texts that the SDK checks; a model of an online deployment may also be described in place.
ASSET = re.compile(r"azureml:(//registries/[^/]+/models/[^/]+/(labels|versions)/[^/]+|[^/:@]+([:@][^/:@]+)?)")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,31}")


def test_every_file_is_in_the_table():
    assert {path.name for path in DEPLOY.glob("*.yaml")} == {*FILES, "conda.yaml"}


@pytest.mark.parametrize("name", FILES)
def test_its_keys_are_those_of_the_sdk(name):
    values = yaml.safe_load((DEPLOY / name).read_text())
    _, required, known = FILES[name]
    assert required <= set(values) <= known
    assert NAME.fullmatch(values["name"])
    for key in ("model", "compute"):
        assert ASSET.fullmatch(values.get(key, "azureml:any:1"))


def test_the_files_that_they_name_are_there():
    online = yaml.safe_load((DEPLOY / "deploy-online.yaml").read_text())
    code = online["code_configuration"]
    assert (DEPLOY / code["code"] / code["scoring_script"]).is_file()
    assert (DEPLOY / online["environment"]["conda_file"]).is_file()


@pytest.mark.parametrize("name", FILES)
def test_the_sdk_loads_it(name):
    sdk = pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: `make azure` runs this")
    entity = getattr(sdk, FILES[name][0])(DEPLOY / name)
    values = yaml.safe_load((DEPLOY / name).read_text())
    assert entity.name == values["name"]
    assert getattr(entity, "model", None) == values.get("model")
    assert getattr(entity, "mini_batch_size", None) == values.get("mini_batch_size")


def test_the_sdk_refuses_what_the_table_refuses(tmp_path):
    sdk = pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: `make azure` runs this")
    text = (DEPLOY / "deploy-batch.yaml").read_text()
    for change in (
        ("model: azureml://", "model: nano #"),
        ("mini_batch_size", "mini_batch_sise"),
        ("name: sam", "nam: x"),
    ):
        (tmp_path / "deploy.yaml").write_text(text.replace(*change, 1))
        with pytest.raises(Exception, match="Validation for BatchDeploymentSchema failed"):
            sdk.load_batch_deployment(tmp_path / "deploy.yaml")
