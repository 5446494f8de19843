"""Deployment YAMLs: the shipped one, what is taken from one, what is ignored and what is refused."""

from pathlib import Path

import pytest

from samwidget.errors import FormatError
from samwidget.formats.azure_ml.deployment import BatchDeployment, model_here, read_batch_deployment

NAMES = ("nano", "facebook/sam-vit-base", "facebook/sam-vit-large", "facebook/sam-vit-huge")

SHIPPED = Path(__file__).parents[3] / "docs/deploy/deploy-batch.yaml"


def read(tmp_path, text):
    path = tmp_path / "deploy.yaml"
    path.write_text(text)
    return read_batch_deployment(path)


def test_the_shipped_file():
    config = read_batch_deployment(SHIPPED)
    assert model_here(config.model, NAMES) == "facebook/sam-vit-huge"
    assert (config.workers, config.mini_batch_size) == (2, 10)
    assert (config.file_name, config.retries, config.max_errors) == ("predictions.csv", 3, None)
    assert {"compute", "endpoint_name", "retry_settings.timeout"} <= set(config.ignored)


def test_settings_stand_under_settings_or_beside_them(tmp_path):
    inner = (
        "mini_batch_size: 7\nmax_concurrency_per_instance: 3\nerror_threshold: 5\nretry_settings: {max_retries: 0}\n"
    )
    beside = read(tmp_path, f"resources: {{instance_count: 2}}\n{inner}")
    under = read(
        tmp_path, "resources: {instance_count: 2}\nsettings:\n" + "".join(f"  {line}\n" for line in inner.splitlines())
    )
    assert beside == under == BatchDeployment(workers=6, mini_batch_size=7, max_errors=5, retries=0)


def test_the_number_of_instances_stands_in_two_places(tmp_path):
    assert read(tmp_path, "settings: {instance_count: 3}") == BatchDeployment(workers=3)
    assert read(tmp_path, "resources: {instance_count: 3}") == BatchDeployment(workers=3)


def test_a_model_folder_lies_beside_the_file(tmp_path):
    (tmp_path / "network").mkdir()
    assert read(tmp_path, "model: {path: ./network}").model == str(tmp_path / "network")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("nano", "nano"),
        ("facebook/sam-vit-base", "facebook/sam-vit-base"),
        ("./my-sam", "./my-sam"),
        ("azureml://registries/azureml/models/facebook-sam-vit-huge/labels/latest", "facebook/sam-vit-huge"),
        ("azureml:facebook-sam-vit-large:7", "facebook/sam-vit-large"),
        ("azureml:facebook-sam-vit-base@latest", "facebook/sam-vit-base"),
    ],
)
def test_names_of_the_catalogue_are_the_hubs(name, model):
    assert model_here(name, NAMES) == model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: azureml:my-own:1", "azureml:my-own:1 is an asset of Azure ML"),
        ("mini_batch_sise: 3", "unknown keys: mini_batch_sise (did you mean mini_batch_size?)"),
        ("settings: {mini_batch_size: many}", "mini_batch_size is 'many'"),
        ("error_threshold: -2", "error_threshold is -2"),
        ("resources: 3", "resources is 3"),
        ("settings: [3]", "settings is [3]"),
        ("settings: {retry_settings: {retries: 3}}", "unknown keys: retry_settings.retries"),
        ("output_file_name: 3", "output_file_name is 3"),
        ("model: {pth: ./network}", "model has unknown keys: pth (did you mean path?)"),
        ("model: {name: sam, version: 1}", "model has no path"),
        ("mini_batch_size: 3\nsettings: {mini_batch_size: 4}", "has mini_batch_size twice"),
        ("just text", "'just text', not a mapping"),
        ("a: [1", "cannot be read"),
        ("[" * 2000, "cannot be read"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path, text, message):
    with pytest.raises(FormatError) as caught:
        model_here(read(tmp_path, text).model, NAMES)
    assert message in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        read_batch_deployment(tmp_path / "missing.yaml")
