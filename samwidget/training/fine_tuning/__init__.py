"""Fine-tuning: teaches the decoder of a model objects of a user; the encoder stays. ``tune`` has the way in."""
