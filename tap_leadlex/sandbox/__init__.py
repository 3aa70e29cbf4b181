"""A LeadLex look-alike on loopback, for demos, tests and CI.

Everything the public documentation says about the contacts endpoints is served as documented;
everything it leaves open is an option, called a *reading* (see `Reading`).
"""

from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.filters import Filter
from tap_leadlex.sandbox.histories import History
from tap_leadlex.sandbox.quota import Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.server import Sandbox
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import Call

__all__ = [
    "Call",
    "Fault",
    "Filter",
    "History",
    "ListFault",
    "Quotas",
    "Reading",
    "Sandbox",
    "Store",
]
