"""``nano``, the network inside the wheel."""
