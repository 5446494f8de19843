"""Which network, and where it comes from. Each network answers to the ``Segmenter`` protocol."""
