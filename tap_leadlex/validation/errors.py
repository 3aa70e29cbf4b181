"""Errors that are not findings.

CannotValidateError        a validation cannot start or continue: exit code 2
└── ApiError               LeadLex did not answer as documented
    ├── BudgetSpentError       all allowed calls are used up
    └── UnreliableListError    the contact list contradicts itself
"""


class CannotValidateError(Exception):
    """A validation cannot start or continue; the message is one line with what to do."""


class ApiError(CannotValidateError):
    """LeadLex did not answer as documented."""


class BudgetSpentError(ApiError):
    """All calls that this validation may make are used up."""


class UnreliableListError(ApiError):
    """The contact list contradicts itself, so its counts prove nothing."""
