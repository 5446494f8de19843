"""Reliability in figures: injected faults, fuzzed input, hours of use. ``make reliability`` runs it; CI does not."""
