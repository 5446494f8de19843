"""Ways into servers that are not ours: Azure ML's inference server and MLflow."""
