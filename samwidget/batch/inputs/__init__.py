"""What a batch run reads: folders of images, and CSV tables of requests or prompts."""
