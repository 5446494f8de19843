"""What a batch run writes: a file for each format, the protocol that they share, and the rows that they are given."""
