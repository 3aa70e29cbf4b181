"""`leadlex-validate`: proof that a sync is complete.

A validator that reuses what it checks proves nothing, so nothing in here comes from the tap: it
reads Singer messages as text and asks LeadLex itself.
"""
