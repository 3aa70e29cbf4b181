"""Tests of `tap_leadlex.planning`."""
