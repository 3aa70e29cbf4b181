"""Generated records as a pure function of a seed and a number: a million of them need no memory."""

from typing import Any

_MASK = 0xFFFF_FFFF
_ODD_1, _ODD_2 = 0x85EB_CA6B, 0xC2B2_AE35
_INVERSE_1, _INVERSE_2 = pow(_ODD_1, -1, 1 << 32), pow(_ODD_2, -1, 1 << 32)
_ID_DIGITS = 8


def scramble(number: int) -> int:
    """Map a 32-bit number to another, one to one, so that ids do not reveal the age."""
    number ^= number >> 16
    number = number * _ODD_1 & _MASK
    number ^= number >> 13
    number = number * _ODD_2 & _MASK
    return number ^ number >> 16


def unscramble(number: int) -> int:
    """Undo `scramble`."""
    number ^= number >> 16
    number = number * _INVERSE_2 & _MASK
    number ^= number >> 13 ^ number >> 26
    number = number * _INVERSE_1 & _MASK
    return number ^ number >> 16


class RecordBook:
    """All records that one seed generates, numbered from 0 to 2**32 - 1.

    A subclass implements `record`, which returns a NamedTuple. Its first value is `id`, which
    starts with `self.id(number)`; every other value has a default.

    Args:
        seed: A different seed generates different records and ids.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed & _MASK

    def record(self, number: int) -> Any:  # noqa: ANN401 - the subclass knows
        """Return record `number`."""
        raise NotImplementedError

    def value(self, number: int, name: str) -> Any:  # noqa: ANN401 - the subclass knows
        """Return one value of record `number`."""
        return getattr(self.record(number), name)

    def id(self, number: int) -> str:
        """Return the start of the id of record `number`: eight hexadecimal digits."""
        return f"{self.rank(number):08x}"

    def rank(self, number: int) -> int:
        """Return the position of record `number` among all records sorted by id."""
        return scramble(number ^ self.seed)

    def number(self, record_id: str) -> int | None:
        """Return the number of the record with that id, or None if no record has it."""
        try:
            number = unscramble(int(record_id[:_ID_DIGITS], 16)) ^ self.seed
        except ValueError:
            return None
        return number if self.record(number).id == record_id else None
