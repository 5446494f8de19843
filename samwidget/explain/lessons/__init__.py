"""The lessons: a module each for what it asks, which mistake gets which hint, and the figures that are its own."""
