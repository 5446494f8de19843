"""Pixels in and out: files, arrays and web addresses to 8-bit RGB, and pictures to bytes."""
