"""What things are: prompts, frames, masks and objects as frozen values and pure functions. No I/O, no torch."""
