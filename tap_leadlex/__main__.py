"""`python -m tap_leadlex`."""

from tap_leadlex.tap import TapLeadLex

if __name__ == "__main__":
    TapLeadLex.cli()
