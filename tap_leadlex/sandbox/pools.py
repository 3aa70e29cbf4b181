"""The values of the generated contacts: names in many scripts, companies, unusual values."""

from collections.abc import Mapping
from typing import Any

_PEOPLE = (
    (
        "Anna Ben Clara David Emma Felix Grace Henry",
        "Baker Carter Dawson Ellis Foster Grant Hughes",
    ),
    ("Jürgen Zoë François Núria Søren Łukasz İpek", "Müller Ångström García Høeg Nguyễn Şahin"),
    ("Мария Иван Олена", "Соколова Петренко Иванов"),
    ("Ελένη Νίκος", "Παπαδοπούλου Γεωργίου"),
    ("محمد ليلى", "الخطيب حداد"),
    ("דוד רות", "כהן לוי"),
    ("伟 芳", "王 李"),
    ("さくら 健", "佐藤 鈴木"),
    ("민준 서연", "김 박"),
    ("प्रिया अर्जुन", "शर्मा पटेल"),
    ("สมชาย มาลี", "ใจดี ศรีสุข"),
    ("Tamar გიორგი", "ბერიძე კაპანაძე"),
)
NAMES = tuple(
    (first, last) for firsts, lasts in _PEOPLE for first in firsts.split() for last in lasts.split()
)

JOB_TITLES = (
    *(
        "General Counsel",
        "Managing Partner",
        "Partner",
        "Senior Associate",
        "Associate",
        "Paralegal",
    ),
    *(
        "Head of Legal",
        "Legal Counsel, EMEA",
        "CEO",
        "CFO",
        "Chief Compliance Officer",
        "Of Counsel",
    ),
    *(
        "Notarin",
        "Avocate à la cour",
        "Legal Ops Manager",
        "Director, Risk & Privacy",
        "弁護士",
        "",
    ),
)
COMPANIES = (
    *(
        "Hale & Partners LLP",
        "Smith, Hale & Jones LLP",
        "Northwind Trading",
        "Müller Rechtsanwälte",
    ),
    *("Cabinet d'Avocats Lefèvre", "株式会社さくら", "Acme Holdings, Inc.", "Ост-Вест Консалт"),
    *("Bright Harbor Capital", 'Studio Legale "Rossi"', "Fjord Shipping AS", "Blue Ridge Realty"),
    *("مجموعة النور", "Kaplan Levy Advocates", "Solstice Biotech", ""),
)
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com")

COMMON_TAGS = (
    "client",
    "prospect",
    "lead",
    "priority",
    "newsletter",
    "referral",
    "alumni",
    "événement",
)
PRACTICE_TAGS = (
    "m&a",
    "ip",
    "litigation",
    "tax",
    "real estate",
    "employment",
    "privacy",
    "🏛 court",
)
RARE_TAG = "board"

# Each entry replaces the named fields of one contact. Real CRMs contain all of these.
NASTY: tuple[Mapping[str, Any], ...] = (
    {"full_name": 'Robert "Bob" O\'Brien, Jr.'},
    {"full_name": '"', "job_title": '""'},
    {"full_name": ","},
    {"job_title": "Partner\nand Head of Tax"},
    {"company_name": "Line one\r\nLine two\r\n\r\n"},
    {"company_name": 'Quoted "end"\n'},
    {"job_title": "alone\rreturn"},
    {"full_name": "👩‍⚖️ Ada 🏛️", "company_name": "🚀🚀🚀"},
    {"full_name": "\u200fשרה\u200e (Sara) \u202eabc\u202c"},
    {"full_name": "Zoe\u0308 A\u030angstro\u0308m"},
    {"full_name": '=HYPERLINK("https://example.com","x")'},
    {"phone": "+49 (0)30 1234-567, ext. 8", "job_title": "+SUM(1,2)"},
    {"job_title": "-1", "company_name": "@import"},
    {"job_title": "Of counsel; " * 700},
    {"full_name": "  leading and trailing  ", "company_name": "\ttab\t"},
    {"full_name": "NULL", "job_title": "None", "company_name": "N/A"},
    {"full_name": "\ufeffmark", "job_title": "line\u2028separator\u0085next"},
    {"full_name": "back\\slash\\", "company_name": "\\N"},
    {"full_name": "0012", "phone": "1e5", "job_title": "true"},
    dict.fromkeys(
        ("full_name", "email", "phone", "job_title", "company_name", "linkedin_url"),
        "",
    ),
)
NUL: Mapping[str, Any] = {"job_title": "cut\x00off"}
