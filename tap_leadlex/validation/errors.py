"""The errors of this program that are not findings.

CannotValidateError        a validation cannot begin or go on: exit code 2
└── ApiError               LeadLex did not answer as it must (calls.py)
    ├── BudgetSpentError       the calls that it may be asked are used up (calls.py)
    └── UnreliableListError    its contact list contradicts itself (api.py)
"""


class CannotValidateError(Exception):
    """One line, with what to do; never the key, a password or a contact's value."""
