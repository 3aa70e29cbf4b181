"""examples/migrate-to-*: every contact in exactly one of two files, as the CRM wants it."""

from __future__ import annotations

import csv
import logging
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from singer_sdk.mapper import PluginMapper

from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import Fault, Quotas, Sandbox, Store
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.scope import Scope
from tap_leadlex.streams import schema
from tests.destination import create
from tests.environments import ROOT
from tests.newcomer import Newcomer
from tests.support import FIELDS, env_for
from tests.support.pages import shell

from .example import Example

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Json

Row = dict[str, str]

VALIDATE = Path(sys.executable).with_name("leadlex-validate")

START = datetime(2025, 12, 31, 20, tzinfo=UTC)

# What LeadLex has, and what becomes of it: first and last name.
NAMES = [
    ("Ann Lee", "Ann", "Lee"),
    ("Ann Mary Lee", "Ann Mary", "Lee"),
    ("  Ann \t Lee\r\n", "Ann", "Lee"),
    ("Jean-Luc Picard", "Jean-Luc", "Picard"),
    ("Dr. Jane Doe", "Dr. Jane", "Doe"),
    ("Lee, Ann", "Ann", "Lee"),
    ("Lee,Ann", "Ann", "Lee"),
    ("Lee , Ann Mary", "Ann Mary", "Lee"),
    ("van der Berg, Jan", "Jan", "van der Berg"),
    ("Jan van der Berg", "Jan", "van der Berg"),
    ("Maria de la Cruz", "Maria", "de la Cruz"),
    ("Ana Maria dos Santos Silva", "Ana Maria", "dos Santos Silva"),
    ("Vincent Van Gogh", "Vincent", "Van Gogh"),
    ("Van Morrison", "Van", "Morrison"),
    ("Ben Baker", "Ben", "Baker"),
    ("van der Berg", "", "van der Berg"),
    ("Otto von Bismarck", "Otto", "von Bismarck"),
    ("Omar al-Amin", "Omar", "al-Amin"),
    ("Omar Al-Amin Hassan", "Omar", "Al-Amin Hassan"),
    ("Martin Luther King Jr.", "Martin Luther", "King Jr."),
    ("Martin Luther King, Jr.", "Martin Luther", "King, Jr."),
    ("King, Martin Luther, Jr.", "Martin Luther", "King Jr."),
    ("King Jr., Martin Luther", "Martin Luther", "King Jr."),
    ("Jane Doe,PhD", "Jane", "Doe, PhD"),
    ("Jane de Vries Ph.D., Esq.", "Jane", "de Vries Ph.D., Esq."),
    ("John Smith III", "John", "Smith III"),
    ("Malcolm X", "Malcolm", "X"),
    ("Cher", "Cher", ""),
    ("Cher,", "Cher", ""),
    (", Cher", "Cher", ""),
    ("Cher Jr.", "Cher Jr.", ""),
    ("Jr.", "Jr.", ""),
    ("", "", ""),
    (",", "", ""),
    (" \u3000\n", "", ""),
    ('Robert "Bob" O\'Brien', 'Robert "Bob"', "O'Brien"),
    ('"', '"', ""),
    ('=HYPERLINK("https://example.com")', '=HYPERLINK("https://example.com")', ""),
    ("+1 -1", "+1", "-1"),
    ("Анна Петрова", "Анна", "Петрова"),
    ("\u200fשרה\u200e כהן", "\u200fשרה\u200e", "כהן"),
    ("محمد الخطيب", "محمد", "الخطيب"),
    ("👩‍⚖️ Ada 🏛️", "👩‍⚖️ Ada", "🏛️"),
    ("back\\slash \\N", "back\\slash", "\\N"),
    ("A" * 41 + " Lee", "A" * 41, "Lee"),
    ("Ann " + "L" * 81, "Ann", "L" * 81),
    ("x " * 20_000, " ".join("x" * 99), " ".join("x" * 19_901)),
]
EMAILS = [
    ("ann@example.com", "ann@example.com", ""),
    (" Ann.LEE+crm@Mail.Example.COM\n", "ann.lee+crm@mail.example.com", ""),
    ("jürgen@müller.example", "jürgen@müller.example", ""),
    ("", "", "no email address"),
    ("  ", "", "no email address"),
    ("ann", "ann", "malformed email address"),
    ("ann@example", "ann@example", "malformed email address"),
    ("@example.com", "@example.com", "malformed email address"),
    ("ann@.com", "ann@.com", "malformed email address"),
    ("ann@lee@example.com", "ann@lee@example.com", "malformed email address"),
    ("ann lee@example.com", "ann lee@example.com", "malformed email address"),
    ("a@example.com,b@example", "a@example.com,b@example", "malformed email address"),
    ("Ann <ann@example.com>", "ann <ann@example.com>", "malformed email address"),
    ("l" * 80 + "@example.com", "l" * 80 + "@example.com", ""),
]
TEXTS = [
    ("Partner", "Partner"),
    ("", ""),
    ('Director, "Risk" & Privacy', 'Director, "Risk" & Privacy'),
    ("Partner\nand Head\r\n\r\nof Tax", "Partner and Head of Tax"),
    ("\talone\rreturn ", "alone return"),
    ("=1+1", "=1+1"),
    ("'; DROP TABLE contacts; --", "'; DROP TABLE contacts; --"),
    ("🚀 弁護士 \u202eabc\u202c", "🚀 弁護士 \u202eabc\u202c"),
    ("NULL", "NULL"),
    ("t" * 128, "t" * 128),
    ("t" * 300, "t" * 300),
]
PHONES = [
    ("+49 (0)30 1234-567, ext. 8", "+49 (0)30 1234-567, ext. 8"),
    (" 0012\t34 ", "0012 34"),
    ("", ""),
    ("1e5", "1e5"),
    ("5" * 41, "5" * 41),
]
PROFILES = ["https://linkedin.com/in/ann-lee", "", "https://linkedin.com/in/" + "a" * 250]
TAGS: list[tuple[str, ...]] = [
    ("client", "m&a"),
    (),
    ("a;b", "🏛 court"),
    ('"quoted"',),
    tuple(f"tag {number}" for number in range(101)),
    ("real estate", "événement", "line\nbreak"),
    ("=1+1",),
]


class Contact(NamedTuple):
    """A contact, clean: what every CRM wants, before it is put in the CRM's words."""

    id: str
    created: datetime
    first_name: str
    last_name: str
    email: str
    email_reason: str
    phone: str
    job_title: str
    company_name: str
    linkedin_url: str
    tags: list[str]


def hubspot(contact: Contact) -> tuple[str, Row]:
    """Give the reason against a contact, if any, and its row."""
    return contact.email_reason, {
        "First Name": contact.first_name,
        "Last Name": contact.last_name,
        "Email": contact.email,
        "Phone Number": contact.phone,
        "Job Title": contact.job_title,
        "Company Name": contact.company_name,
        "LinkedIn URL": contact.linkedin_url,
        "LeadLex Tags": ";".join(tag.replace(";", ",") for tag in contact.tags),
        "LeadLex Created": f"{contact.created:%Y-%m-%d}",
        "LeadLex ID": contact.id,
    }


def salesforce(contact: Contact) -> tuple[str, Row]:
    """Give the reasons against a contact, if any, and its row."""
    if not contact.last_name:
        contact = contact._replace(first_name="", last_name=contact.first_name)
    reasons = {
        "no name": not contact.last_name,
        "malformed email address": contact.email_reason == "malformed email address",
        "more than 100 tags": len(contact.tags) > 100,
        "first name longer than 40 characters": len(contact.first_name) > 40,
        "last name longer than 80 characters": len(contact.last_name) > 80,
        "email longer than 80 characters": len(contact.email) > 80,
        "phone longer than 40 characters": len(contact.phone) > 40,
        "job title longer than 128 characters": len(contact.job_title) > 128,
        "company name longer than 255 characters": len(contact.company_name) > 255,
        "linkedin url longer than 255 characters": len(contact.linkedin_url) > 255,
    }
    return "; ".join(reason for reason, applies in reasons.items() if applies), {
        "First Name": contact.first_name,
        "Last Name": contact.last_name,
        "Email": contact.email,
        "Business Phone": contact.phone,
        "Title": contact.job_title,
        "Account Name": contact.company_name,
        "LinkedIn URL": contact.linkedin_url,
        "LeadLex Tags": ";".join(tag.replace(";", ",") for tag in contact.tags),
        "LeadLex Created": f"{contact.created:%m/%d/%Y}",
        "LeadLex ID": contact.id,
    }


def pipedrive(contact: Contact) -> tuple[str, Row]:
    """Give the reasons against a contact, if any, and its row."""
    name = f"{contact.first_name} {contact.last_name}".strip()
    reasons = {
        "no name": not name,
        "job title longer than 255 characters": len(contact.job_title) > 255,
        "linkedin url longer than 255 characters": len(contact.linkedin_url) > 255,
    }
    return "; ".join(reason for reason, applies in reasons.items() if applies), {
        "Person - Name": name,
        "Person - Email": contact.email,
        "Person - Phone": contact.phone,
        "Person - Job title": contact.job_title,
        "Organization - Name": contact.company_name,
        "Person - LinkedIn": contact.linkedin_url,
        "Person - LeadLex tags": ",".join(contact.tags),
        "Person - LeadLex created": f"{contact.created:%Y-%m-%d}",
        "Person - LeadLex ID": contact.id,
    }


WRITE = {
    "hubspot": shell("examples/migrate-to-hubspot/README.md", "Write the files"),
    "salesforce": shell("examples/migrate-to-salesforce/README.md", "Write the files"),
    "pipedrive": shell("examples/migrate-to-pipedrive/README.md", "Write the files"),
}
PROVE = {
    "hubspot": shell("examples/migrate-to-hubspot/README.md", "Prove the result"),
    "salesforce": shell("examples/migrate-to-salesforce/README.md", "Prove the result"),
    "pipedrive": shell("examples/migrate-to-pipedrive/README.md", "Prove the result"),
}
CRMS = {"hubspot": hubspot, "salesforce": salesforce, "pipedrive": pipedrive}


def awkward_contacts(store: Store, count: int) -> list[Contact]:
    """Fill a workspace with contacts in whom each awkward value meets every other."""
    contacts = []
    for number in range(count):
        full_name, first, last = NAMES[number % len(NAMES)]
        given_email, email, email_reason = EMAILS[number // 2 % len(EMAILS)]
        given_title, job_title = TEXTS[number // 3 % len(TEXTS)]
        given_company, company_name = TEXTS[number // 5 % len(TEXTS)]
        given_phone, phone = PHONES[number // 7 % len(PHONES)]
        linkedin_url = PROFILES[number // 11 % len(PROFILES)]
        tags = TAGS[number // 13 % len(TAGS)]
        created = START + timedelta(seconds=7 * number)
        row = store.create(
            from_datetime(created),
            {
                "full_name": full_name,
                "email": given_email,
                "phone": given_phone,
                "job_title": given_title,
                "company_name": given_company,
                "linkedin_url": linkedin_url,
                "tags": tags,
            },
        )
        contacts.append(
            Contact(
                row.contact.id,
                created,
                first,
                last,
                email,
                email_reason,
                phone,
                job_title,
                company_name,
                linkedin_url,
                list(tags),
            )
        )
    return contacts


def meltano_yml(crm: str) -> str:
    """Give the text of an example's meltano.yml."""
    return (ROOT / f"examples/migrate-to-{crm}/meltano.yml").read_text("utf-8")


def plugins(crm: str) -> tuple[Json, Json]:
    """Give the tap and the target of an example, as its meltano.yml has them."""
    content = yaml.safe_load(meltano_yml(crm))["plugins"]
    (tap,), (target,) = content["extractors"], content["loaders"]
    return tap, target


def mapped(crm: str, **values: Any) -> tuple[str | None, Row]:  # noqa: ANN401 - any property
    """Map one contact as tap and target do, and make sure that it goes into one file.

    Returns:
        The reason against the contact, if any, and the row.
    """
    logger = logging.getLogger(__name__)
    tap, target = plugins(crm)
    first = PluginMapper(tap["config"], logger)
    first.register_raw_stream_schema(
        "contacts", schema(Scope(CONTACTS, {"extra_fields": []})), ["id"]
    )
    (clean,) = first.stream_maps["contacts"]
    second = PluginMapper(target["config"], logger)
    second.register_raw_stream_schema("contacts", clean.transformed_schema, ["id"])
    record = dict.fromkeys(FIELDS) | {"id": "1", "tags": [], "created_at": "2026-01-31"}
    cleaned = clean.transform(record | values)
    assert cleaned is not None
    rows = [each.transform(cleaned) for each in second.stream_maps["contacts"]]
    (row,) = filter(None, rows)
    return row.pop("Reason", None), row


def read(file: Path) -> tuple[list[str], list[Row]]:
    """Give the header of a CSV file and its rows."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        return list(rows.fieldnames or ()), list(rows)


def by_content(rows: list[Row]) -> list[Row]:
    """Sort rows, for a comparison that counts duplicates but not order."""
    return sorted(rows, key=lambda row: sorted(row.items()))


@pytest.mark.parametrize(("full_name", "first", "last"), NAMES)
def test_a_name_is_split(full_name: str, first: str, last: str) -> None:
    values = {"full_name": full_name, "email": "ann@example.com"}

    _, hubspot = mapped("hubspot", **values)
    _, salesforce = mapped("salesforce", **values)
    _, pipedrive = mapped("pipedrive", **values)

    assert (hubspot["First Name"], hubspot["Last Name"]) == (first, last)
    in_salesforce = (first, last) if last else ("", first)
    assert (salesforce["First Name"], salesforce["Last Name"]) == in_salesforce
    assert pipedrive["Person - Name"] == f"{first} {last}".strip()


@pytest.mark.parametrize(("given", "email", "reason"), EMAILS)
def test_an_email_address_is_cleaned_and_judged(given: str, email: str, reason: str) -> None:
    told, row = mapped("hubspot", email=given)

    assert (told or "", row["Email"]) == (reason, email)


@pytest.mark.parametrize("crm", CRMS)
def test_every_contact_is_in_exactly_one_file(
    crm: str, serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    store = Store([])
    expected = [CRMS[crm](contact) for contact in awkward_contacts(store, 5_000)]
    columns = list(expected[0][1])
    sandbox = serve(store=store)
    example = Example(f"migrate-to-{crm}", tmp_path, TAP_LEADLEX_API_URL=sandbox.url)

    example.meltano("run", "tap-leadlex", "target-csv")

    header, rows = read(example.folder / "output/sandbox/contacts.csv")
    assert header == columns
    assert by_content(rows) == by_content([row for reason, row in expected if not reason])
    header, rows = read(example.folder / "output/sandbox/rejected.csv")
    assert header == ["Reason", *columns]
    assert by_content(rows) == by_content(
        [{"Reason": reason, **row} for reason, row in expected if reason]
    )
    proof = example.run(
        VALIDATE,
        *(f"--destination=output/sandbox/{name}.csv" for name in ("contacts", "rejected")),
        *("--mapping=mapping.json", "--content=all", "--report=output/report.html"),
        TAP_LEADLEX_API_KEY=sandbox.key,
    )
    assert "every value of 5,000 contacts compared" in proof.stderr
    # Meltano rewrites a file in which it misses something; a clone must stay clean.
    assert (example.folder / "meltano.yml").read_text("utf-8") == meltano_yml(crm)


def test_each_run_waits_for_the_quota_and_brings_everything(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=60, quotas=Quotas(window_seconds=30), faults={1: Fault.TOO_MANY})
    example = Example("migrate-to-hubspot", tmp_path, TAP_LEADLEX_API_URL=sandbox.url)

    def ids() -> list[str]:
        example.meltano("run", "tap-leadlex", "target-csv")
        files = (example.folder / f"output/sandbox/{name}.csv" for name in ("contacts", "rejected"))
        return sorted(row["LeadLex ID"] for file in files for row in read(file)[1])

    assert ids() == sorted(row.contact.id for row in sandbox.store.rows())
    assert [call.status for call in sandbox.exports] == [429, 200]

    create(sandbox, 5)

    assert ids() == sorted(row.contact.id for row in sandbox.store.rows())


def test_the_three_clean_contacts_alike() -> None:
    texts = {
        re.sub(r"(project_id|one_word): \S+", r"\1", meltano_yml(crm).partition("  loaders:")[0])
        for crm in CRMS
    }

    assert len(texts) == 1


@pytest.mark.parametrize("crm", CRMS)
def test_the_readme_names_every_column(crm: str) -> None:
    readme = (ROOT / f"examples/migrate-to-{crm}/README.md").read_text("utf-8")

    assert re.findall(r"^\| `(.+?)` \|", readme, re.MULTILINE) == list(mapped(crm)[1])


@pytest.mark.parametrize("crm", CRMS)
def test_the_readme_word_for_word(crm: str, serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    sandbox = serve(contacts=1_000, key="wbk_your_key")
    folder = f"examples/migrate-to-{crm}"
    readme = (ROOT / folder / "README.md").read_text("utf-8")
    (promised,) = re.findall(r"(\d+) go into `\S+` and (\d+) into", readme)
    user = Newcomer(tmp_path)

    user.run(WRITE[crm], **env_for(sandbox))
    said = user.run(PROVE[crm], folder, **env_for(sandbox))

    files = [user.folder / folder / f"output/{name}.csv" for name in ("contacts", "rejected")]
    assert [len(read(file)[1]) for file in files] == [int(number) for number in promised]
    assert "every value of 1,000 contacts compared" in " ".join(said.split())
