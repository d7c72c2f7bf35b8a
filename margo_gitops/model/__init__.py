"""What the documents mean, free of how they are written. Pure: no I/O, no clock."""
