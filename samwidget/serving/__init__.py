"""Ways in for programs: the documented request is answered by a network, without a widget."""
