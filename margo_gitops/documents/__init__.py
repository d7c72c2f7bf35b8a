"""Documents as bytes: parsing, dialects, schemas, findings. Pure: no I/O, no clock."""
