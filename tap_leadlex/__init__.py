"""Singer tap for LeadLex: every contact of a workspace, complete and in few exports."""
