"""`leadlex-validate`: proof that a sync is complete.

A validator that reuses what it checks proves nothing. This package shares no code with the tap: it
reads Singer messages as text and asks LeadLex itself.
"""
