"""Tests of `tap_leadlex.api`."""
