"""What a batch run reads: folders of images, and tables of requests."""
