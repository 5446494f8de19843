"""What crosses between kernel and browser: read, encoded and sent."""
