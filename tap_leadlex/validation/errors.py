"""Errors that are not findings: exit code 2."""


class CannotValidateError(Exception):
    """A validation cannot start or continue; the message is one line with what to do."""


class ApiError(CannotValidateError):
    """LeadLex did not answer as documented."""


class BudgetSpentError(ApiError):
    """All calls that this validation may make are used up."""


class UnreliableListError(ApiError):
    """The contact list contradicts itself, so its counts prove nothing."""
