"""What a batch run writes, one file a format."""
