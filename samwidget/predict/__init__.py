"""A network at work: embeddings that are cached, prompts that are answered, and the search for everything."""
