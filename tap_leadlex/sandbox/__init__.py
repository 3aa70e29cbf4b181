"""A simulated LeadLex on loopback, for demos, tests and CI.

The sandbox serves the contacts endpoints as the public documentation describes them. Every question
that the documentation leaves open is an option, called a *reading* (see `Reading`). `Defects`,
`Fault` and `Echo` make the sandbox contradict the documentation. Tests can serve other resources as
well (see `ServedResource`).
"""

from tap_leadlex.sandbox.changes import Change
from tap_leadlex.sandbox.defects import Defects
from tap_leadlex.sandbox.echoes import Content, Echo, Place
from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.histories import History
from tap_leadlex.sandbox.quota import Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.record_book import RecordBook
from tap_leadlex.sandbox.resource import ServedResource, matching
from tap_leadlex.sandbox.server import Sandbox
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.views import Side
from tap_leadlex.sandbox.workspace import Call

__all__ = [
    "Call",
    "Change",
    "Content",
    "Defects",
    "Echo",
    "Fault",
    "History",
    "ListFault",
    "Place",
    "Quotas",
    "Reading",
    "RecordBook",
    "Sandbox",
    "ServedResource",
    "Side",
    "Store",
    "matching",
]
