"""Contacts as a pure function of a seed and a number, so that a million of them need no memory."""

from hashlib import blake2b
from random import Random
from typing import NamedTuple

from tap_leadlex.sandbox import pools

_MASK = 0xFFFF_FFFF
_ODD_1, _ODD_2 = 0x85EB_CA6B, 0xC2B2_AE35
_INVERSE_1, _INVERSE_2 = pow(_ODD_1, -1, 1 << 32), pow(_ODD_2, -1, 1 << 32)
_TAG_SETS = 512
# Shares, of 256
_NASTY = 8
_NO_EMAIL = 6
_NO_PHONE = 41
_NO_LINKEDIN = 61


class Contact(NamedTuple):
    """The values of one contact; an absent value is an empty string."""

    id: str
    full_name: str
    email: str
    phone: str
    job_title: str
    company_name: str
    linkedin_url: str
    tags: tuple[str, ...]


def scramble(number: int) -> int:
    """Map a 32-bit number to another, one to one, so that ids say nothing of age."""
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


def _make_tag_sets() -> list[tuple[str, ...]]:
    random = Random(_TAG_SETS)  # noqa: S311 - variety, not secrecy
    common = pools.COMMON_TAGS * 3 + pools.PRACTICE_TAGS
    sets = [
        tuple(dict.fromkeys(random.choices(common, k=random.choice((0, 0, 1, 1, 2, 3, 4)))))
        for _ in range(_TAG_SETS)
    ]
    sets[-1] = (pools.RARE_TAG, "client")
    return sets


_TAGS = _make_tag_sets()


class Book:
    """All the contacts that one seed gives."""

    def __init__(self, seed: int = 0, *, nasty: bool = True, nul: bool = False) -> None:
        """Choose the contacts.

        Args:
            seed: Another seed, other contacts and other ids.
            nasty: Mix in the values that break careless readers (about one contact in thirty).
            nul: Mix in NUL characters too (about one contact in 250).
        """
        self._seed = seed & _MASK
        self._key = seed.to_bytes(8, signed=True)
        self._nasty = nasty
        self._nul = nul

    def rank(self, number: int) -> int:
        """Return where contact `number` stands among the others when sorted by id."""
        return scramble(number ^ self._seed)

    def number(self, contact_id: str) -> int | None:
        """Return the number of the contact with that id, None for an id of nobody."""
        try:
            number = unscramble(int(contact_id[:8], 16)) ^ self._seed
        except ValueError:
            return None
        return number if self.contact(number).id == contact_id else None

    def tags(self, number: int) -> tuple[str, ...]:
        """Return the tags of contact `number` without making the rest of it."""
        return _TAGS[scramble(number ^ self._seed ^ 0x5EED) % _TAG_SETS]

    def contact(self, number: int) -> Contact:
        """Return contact `number` (0 to 2**32 - 1)."""
        digest = blake2b(number.to_bytes(8), digest_size=16, key=self._key).digest()
        text = digest.hex()
        first, last = pools.NAMES[(digest[0] << 8 | digest[1]) % len(pools.NAMES)]
        handle = f"{first}.{last}".lower() if (first + last).isascii() else f"contact.{number}"
        email = f"{handle}.{text[22:28]}@{pools.DOMAINS[digest[2] & 3]}"
        phone = f"+1-555-{digest[4]:03}-{digest[5]:03}{digest[6] % 10}"
        contact = Contact(
            f"{self.rank(number):08x}-{text[:4]}-4{text[4:7]}-8{text[7:10]}-{text[10:22]}",
            f"{first} {last}",
            email if digest[3] >= _NO_EMAIL else "",
            phone if digest[7] >= _NO_PHONE else "",
            pools.JOB_TITLES[digest[8] % len(pools.JOB_TITLES)],
            pools.COMPANIES[digest[9] % len(pools.COMPANIES)],
            f"https://linkedin.com/in/{handle}-{text[26:]}" if digest[10] >= _NO_LINKEDIN else "",
            self.tags(number),
        )
        if self._nul and digest[12] == 0:
            return contact._replace(**pools.NUL)
        if self._nasty and digest[11] < _NASTY:
            return contact._replace(**pools.NASTY[digest[13] % len(pools.NASTY)])
        return contact
