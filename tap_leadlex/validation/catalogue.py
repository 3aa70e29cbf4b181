"""Everything that can be found: what it means and what to do."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum


class Check(StrEnum):
    """The five checks."""

    PROTOCOL = "protocol"
    KEYS = "keys"
    BOOKMARKS = "bookmarks"
    COMPLETENESS = "completeness"
    CONTENT = "content"


class Severity(IntEnum):
    """How bad a finding is; every report lists the worst first."""

    ODD = 1
    """No data is lost or wrong, but work is repeated or a rule of the protocol is broken."""
    WRONG = 2
    """Messages or values are wrong."""
    LOSS = 3
    """Contacts are missing, or the next run will skip some."""


_P, _K, _B, _N, _V = Check
_ODD, _WRONG, _LOSS = Severity
_ON_PURPOSE = "If a stream map does this on purpose, pass the tap's config with --tap-config."


class Kind(Enum):
    """One thing that can be wrong with a sync: what it is, what follows from it, what to do."""

    def __init__(
        self, check: Check, severity: Severity, title: str, means: str, advice: str
    ) -> None:
        self.code = self.name.lower().replace("_", "-")
        self.check = check
        self.severity = severity
        self.title = title
        self.means = means
        self.advice = advice

    # fmt: off
    EMPTY_STREAM = (_P, _LOSS, "no Singer message arrived",
        "The program before this one failed before it wrote anything.", "Read its log.")
    NOT_JSON = (_P, _WRONG, "a line is not JSON in UTF-8",
        "Targets stop at it; its content is lost.",
        "Only the tap may write to its standard output: look for print and echo.")
    UNKNOWN_MESSAGE = (_P, _WRONG, "a line is not a known Singer message",
        "Targets stop at it or skip its content.",
        "Look at the line. The tap writes SCHEMA, RECORD, STATE and ACTIVATE_VERSION only.")
    MALFORMED_MESSAGE = (_P, _WRONG, "a message lacks a field or has one of the wrong type",
        "Targets stop at it.",
        "Look at the line; a program between tap and target rewrites messages.")
    BATCH = (_P, _LOSS, "a BATCH message",
        "Its contacts are in files that this program cannot check; the STATE may precede them.",
        "Remove batch_config from the tap's settings.")
    UNKNOWN_STREAM = (_P, _ODD, "a stream that does not come from LeadLex",
        "It is checked against its SCHEMA only.",
        f"Deselect it, or name the stream to check with --stream. {_ON_PURPOSE}")
    RECORD_BEFORE_SCHEMA = (_P, _WRONG, "a RECORD without a SCHEMA before it",
        "Targets cannot place it and stop.",
        "The start of the stream is missing, or its lines were reordered.")
    BAD_SCHEMA = (_P, _WRONG, "a SCHEMA that is not a JSON schema",
        "Nothing can be checked against it, and targets stop.",
        "Check stream maps and catalog overrides.")
    SCHEMA_WITHOUT_KEY = (_P, _WRONG, "a SCHEMA that does not name id as its key",
        "Targets append instead of upserting: each repeat becomes a second row.",
        f"Keep id in key_properties and in the selected properties. {_ON_PURPOSE}")
    SCHEMA_WITHOUT_REPLICATION_KEY = (
        _P, _WRONG, "a SCHEMA that does not name created_at as its bookmark property",
        "The bookmark then refers to a property that the records do not have.",
        "Keep created_at in bookmark_properties and in the selected properties.")
    NULLABLE_KEY = (_P, _WRONG, "a SCHEMA that allows null for a property that is never null",
        "Targets may create the table without a primary key, or store rows without id or date.",
        f"Check catalog overrides and what rewrites the SCHEMA. {_ON_PURPOSE}")
    UNDATED_KEY = (_P, _WRONG, "a SCHEMA that does not describe created_at as a date-time",
        "Targets store it as text: date arithmetic fails, and its order may be wrong.",
        f'Keep "format": "date-time" in the SCHEMA. {_ON_PURPOSE}')
    SCHEMA_CHANGED = (_P, _ODD, "a second SCHEMA differs from the first",
        "Targets start a new table version or fail.",
        "One run writes one SCHEMA for each stream: check what merges streams.")
    RECORD_WITHOUT_KEY = (_P, _WRONG, "a RECORD lacks a property that every contact has",
        "It can be neither upserted nor bookmarked.", "Keep id and created_at in stream maps.")
    INVALID_RECORD = (_P, _WRONG, "a RECORD does not match its SCHEMA",
        "Targets that validate stop; others write the wrong type.",
        "Look at the lines; a program between LeadLex and this one changes values.")
    UNEVEN_RECORD = (_P, _WRONG, "a RECORD has other properties than its SCHEMA or the first one",
        "Values are lost, or arrive under a name that the target drops.",
        "Look at the lines; an export has the same columns for every contact.")
    EMPTY_TEXT = (_P, _WRONG, "an empty text where the tap sends null",
        "Queries for missing values (IS NULL) no longer find these contacts.",
        f"Check what rewrites values between the tap and this program. {_ON_PURPOSE}")
    NULL_TAGS = (_P, _WRONG, "null where the tap sends an empty array of tags",
        "Queries on the number of tags no longer count these contacts.",
        f"Check what rewrites values between the tap and this program. {_ON_PURPOSE}")
    STRAY_ACTIVATION = (_P, _LOSS, "ACTIVATE_VERSION for a version that no RECORD has",
        "Targets drop every row of the table.",
        "An incremental sync must not send it; a full refresh sends it after its records.")
    EARLY_ACTIVATION = (_P, _LOSS, "ACTIVATE_VERSION before the last RECORD of its version",
        "Targets empty the table before the refresh is complete; if it stops there, rows are gone.",
        "It must follow the last record.")
    ACTIVATION_DROPS = (_P, _LOSS, "ACTIVATE_VERSION for another version than contacts came with",
        "A target that deletes old versions drops these contacts, although they just arrived.",
        "Do not load this run. Check what rewrites or drops the version of records.")
    MIXED_VERSIONS = (_P, _WRONG, "a RECORD with another version than those before it, or none",
        "The refresh that is under way ends with ACTIVATE_VERSION, which drops these contacts.",
        "Check what merges streams, or rewrites or drops the version of records.")
    BAD_TIME_EXTRACTED = (_P, _WRONG, "time_extracted is not a date-time",
        "Targets stop or write a wrong _sdc_extracted_at.", "Look at the line.")

    EMPTY_ID = (_K, _WRONG, "a contact without an id",
        "All of these overwrite one another in the destination.",
        "Look at the lines; LeadLex gives every contact an id.")
    REPEAT = (_K, _ODD, "a contact twice in one run, with the same content",
        "A target that upserts is still correct; one that appends has two rows.",
        "An uninterrupted run repeats no contact: check what joins or retries streams.")
    CONFLICT = (_K, _WRONG, "an id twice in one run, with different content",
        "One overwrites the other; the stream does not show which is right.",
        "Compare the lines with the contact in LeadLex.")

    BAD_STATE = (_B, _LOSS, "a STATE that the next run cannot read",
        "The next run fails, or starts at the wrong place.",
        "Look at the line; pass the state on exactly as the tap wrote it.")
    BAD_DATE = (_B, _WRONG, "created_at is not a date-time",
        "It is unknown whether the bookmark covers the contact.",
        "Look at the lines; a program between LeadLex and this one changes values.")
    BOOKMARK_BACK = (_B, _ODD, "contacts that a bookmark covered before it moved back",
        "The next run repeats them.", "Make sure that only one run at a time writes this state.")
    BOOKMARK_AHEAD = (_B, _LOSS, "contacts after a STATE that already covers them",
        "If the sync is killed between the two, they are lost: no later run asks for them.",
        "Do not use the states of this run. Check what reorders messages or changes created_at.")
    RECORD_AHEAD = (_B, _WRONG, "contacts that the STATE after them does not cover",
        "The next run repeats them; or the bookmark, or their created_at, is wrong.",
        "Compare created_at with LeadLex: a shifted time zone looks like this.")
    BEFORE_RESUME = (_B, _ODD, "contacts from before the bookmark that the run started from",
        "They were delivered before, unless the run had another state than --state says.",
        "Pass the same state to both programs, and the tap's config with --tap-config.")
    RESUMED_ELSEWHERE = (_B, _LOSS, "the run did not start where the last one ended",
        "The contacts between the two bookmarks are skipped or repeated.",
        "Give the tap the state that the last run ended with: the one of --state.")
    UNCOUNTED = (_B, _LOSS, "contacts that a STATE counts as delivered and that did not arrive",
        "They were lost between the tap and this program, and no later run asks for them.",
        f"Check what filters or rewrites the stream. {_ON_PURPOSE}")
    MISCOUNTED = (_B, _WRONG, "contacts that arrived and that no STATE counts as delivered",
        "The tap compares this count with LeadLex's each day and will report a difference.",
        "Pass the state on exactly as the tap wrote it, and check what adds contacts.")
    FUTURE_BOOKMARK = (_B, _LOSS, "a bookmark in the future",
        "Contacts created until then are skipped for good.",
        "Do not use this state. Check the clock of the machine, and what rewrites the state.")
    UNCLOSED = (_B, _ODD, "contacts at the end of the stream that no STATE covers",
        "The run was cut off: the next one repeats these contacts.",
        "Read the tap's log and run again.")
    NO_STATE = (_B, _LOSS, "the stream ends without any STATE",
        "The next run starts from the same place again.",
        "Read the tap's log: it ended before it closed a window.")
    LEDGER = (_B, _WRONG, "a STATE whose ledger contradicts the rest of it",
        "The next run cannot use it to find contacts that LeadLex has changed.",
        "Pass the state on exactly as the tap wrote it.")
    FILTERS_CHANGED = (_B, _LOSS, "the bookmark was earned under other filters",
        "Contacts that only the new filters select are skipped below the bookmark.",
        "Use one state for one set of filters (list_id, tags); start anew for another.")

    MISSING = (_N, _LOSS, "contacts that LeadLex has and the sync does not",
        "They are not in the destination, and no later run asks for them.",
        "Sync the range again with start_date and end_date.")
    SURPLUS = (_N, _WRONG, "contacts that the sync has and LeadLex does not",
        "Ids or dates were changed on the way, or the contacts were deleted long ago.",
        "Compare the ids with LeadLex; a full refresh cleans the destination.")
    MISDATED = (_N, _WRONG, "contacts with another date than in LeadLex",
        "Windows and bookmarks go by that date: the next run may skip or repeat contacts.",
        "Compare created_at with LeadLex: a shifted time zone looks like this.")
    COUNT_MISMATCH = (_N, _LOSS, "the sync and LeadLex count differently in a range",
        "Contacts are missing there, or have a wrong date.",
        "Sync the range again with start_date and end_date.")

    DIFFERENT_VALUE = (_V, _WRONG, "a value differs from LeadLex",
        "The destination shows a value that LeadLex does not have.",
        f"Look at the contact in LeadLex; --show-values prints both values. {_ON_PURPOSE}")
    UNKNOWN_CONTACT = (_V, _WRONG, "contacts whose id LeadLex does not know",
        "Ids were changed on the way: no later sync updates these rows.",
        "Check what rewrites ids between LeadLex and this program.")
    # fmt: on
