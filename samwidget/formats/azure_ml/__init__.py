"""The request and response of the Azure ML ``mask-generation`` model card, and its deployment YAML."""
