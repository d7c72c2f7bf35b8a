"""What a site and a node accept: the adoption rule. Pure: no I/O, no clock."""
