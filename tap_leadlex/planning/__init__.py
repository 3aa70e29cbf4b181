"""Which windows to export: pure decisions, no I/O and no clock."""
