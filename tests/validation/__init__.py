"""Tests of `leadlex-validate`."""
