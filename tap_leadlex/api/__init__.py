"""LeadLex's API over HTTP: requests, whole responses, CSV tables, the quota."""
