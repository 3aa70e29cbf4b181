"""Generated contacts."""

from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

from tap_leadlex.sandbox import pools
from tap_leadlex.sandbox.record_book import RecordBook, scramble

_TAG_SETS = 512
# Out of 256
_NASTY = 8
_NO_EMAIL = 6
_NO_PHONE = 41
_NO_LINKEDIN = 61


class Contact(NamedTuple):
    """The values of one contact; an absent value is an empty string."""

    id: str
    full_name: str = ""
    email: str = ""
    phone: str = ""
    job_title: str = ""
    company_name: str = ""
    linkedin_url: str = ""
    tags: tuple[str, ...] = ()


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


class Book(RecordBook):
    """The contacts that one seed generates.

    Args:
        seed: A different seed generates different contacts and ids.
        nasty: Include values that break careless readers, in about one contact in thirty.
        nul: Include NUL characters, in about one contact in 250.
    """

    def __init__(self, seed: int = 0, *, nasty: bool = True, nul: bool = False) -> None:
        super().__init__(seed)
        self._key = seed.to_bytes(8, signed=True)
        self._nasty = nasty
        self._nul = nul

    def value(self, number: int, name: str) -> Any:  # noqa: ANN401 - a text, or the tags
        """Return one value of contact `number`; the tags are found without creating the rest."""
        return self.tags(number) if name == "tags" else super().value(number, name)

    def tags(self, number: int) -> tuple[str, ...]:
        """Return the tags of contact `number`."""
        return _TAGS[scramble(number ^ self.seed ^ 0x5EED) % _TAG_SETS]

    def record(self, number: int) -> Contact:
        """Return contact `number`."""
        digest = blake2b(number.to_bytes(8), digest_size=16, key=self._key).digest()
        text = digest.hex()
        first, last = pools.NAMES[(digest[0] << 8 | digest[1]) % len(pools.NAMES)]
        handle = f"{first}.{last}".lower() if (first + last).isascii() else f"contact.{number}"
        email = f"{handle}.{text[22:28]}@{pools.DOMAINS[digest[2] & 3]}"
        phone = f"+1-555-{digest[4]:03}-{digest[5]:03}{digest[6] % 10}"
        contact = Contact(
            f"{self.id(number)}-{text[:4]}-4{text[4:7]}-8{text[7:10]}-{text[10:22]}",
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
