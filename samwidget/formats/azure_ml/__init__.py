"""Azure ML: the request and response of its ``mask-generation`` models, their JSON Schemas, and deployment YAML."""

from samwidget.formats.azure_ml.deployment import (
    BatchDeployment,
    Deployment,
    model_here,
    read_batch_deployment,
    read_deployment,
)
from samwidget.formats.azure_ml.messages import (
    COLUMNS,
    INDEX_COLUMNS,
    MaskSet,
    RequestRow,
    build_request,
    build_response,
    check_style,
    parse_request,
    parse_response,
)
from samwidget.formats.azure_ml.orientation import exif_of, rotation_named_in_errors
from samwidget.formats.azure_ml.predictions import PredictedRow, read_predictions
from samwidget.formats.azure_ml.prompts import Style, prompts_of
from samwidget.formats.azure_ml.schema import load_schema
from samwidget.formats.azure_ml.texts import decode_image

__all__ = [
    "COLUMNS",
    "INDEX_COLUMNS",
    "BatchDeployment",
    "Deployment",
    "MaskSet",
    "PredictedRow",
    "RequestRow",
    "Style",
    "build_request",
    "build_response",
    "check_style",
    "decode_image",
    "exif_of",
    "load_schema",
    "model_here",
    "parse_request",
    "parse_response",
    "prompts_of",
    "read_batch_deployment",
    "read_deployment",
    "read_predictions",
    "rotation_named_in_errors",
]
