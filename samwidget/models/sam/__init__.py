"""SAM 1 from transformers' checkpoints, with an encoder and a decoder of our own."""
