"""What one does with a network: read an image, embed it once, cache that, and answer prompts."""
