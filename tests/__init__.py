"""Tests of tap-leadlex."""
