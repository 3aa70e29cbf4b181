"""One outcome, told to people and machines."""
