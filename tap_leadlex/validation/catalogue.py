"""Everything that can be found, in the words that people read."""

from __future__ import annotations

from tap_leadlex.validation.findings import Check, Kind, Severity

_P, _K, _B = Check.PROTOCOL, Check.KEYS, Check.BOOKMARKS
_N, _V = Check.COMPLETENESS, Check.CONTENT
_ODD, _WRONG, _LOSS = Severity.ODD, Severity.WRONG, Severity.LOSS

# 1. Protocol

EMPTY_STREAM = Kind(
    "empty-stream", _P, _LOSS, "no Singer message came in",
    "The program before this one failed before it wrote anything.",
    "Read its log.",
)  # fmt: skip
NOT_JSON = Kind(
    "not-json", _P, _WRONG, "a line is no JSON in UTF-8",
    "Targets stop at it; what it held is lost.",
    "Nothing but the tap may write to its standard output: look for print and echo.",
)  # fmt: skip
UNKNOWN_MESSAGE = Kind(
    "unknown-message", _P, _WRONG, "a line is no known Singer message",
    "Targets stop at it or pass over what it held.",
    "Look at the line; the tap writes SCHEMA, RECORD, STATE and ACTIVATE_VERSION only.",
)  # fmt: skip
MALFORMED_MESSAGE = Kind(
    "malformed-message", _P, _WRONG, "a message lacks a field or has one of a wrong type",
    "Targets stop at it.",
    "Look at the line; something between tap and target rewrites messages.",
)  # fmt: skip
BATCH = Kind(
    "batch", _P, _LOSS, "a BATCH message",
    "Its contacts lie in files that nothing here can vouch for; the STATE may precede them.",
    "Remove batch_config from the tap's settings.",
)  # fmt: skip
UNKNOWN_STREAM = Kind(
    "unknown-stream", _P, _ODD, "a stream that is not LeadLex's contacts",
    "It is checked against its SCHEMA only.",
    "Select it out, or name the stream to check with --stream.",
)  # fmt: skip
RECORD_BEFORE_SCHEMA = Kind(
    "record-before-schema", _P, _WRONG, "a RECORD without a SCHEMA before it",
    "Targets cannot place it and stop.",
    "The stream was cut at its head, or its lines were put into another order.",
)  # fmt: skip
BAD_SCHEMA = Kind(
    "bad-schema", _P, _WRONG, "a SCHEMA that is no JSON schema",
    "Nothing can be checked against it, and targets stop.",
    "Look at stream maps and catalog overrides.",
)  # fmt: skip
SCHEMA_WITHOUT_KEY = Kind(
    "schema-without-key", _P, _WRONG, "a SCHEMA that does not name id as its key",
    "Targets append instead of upserting: each repeat becomes a second row.",
    "Keep id in key_properties and in the selected properties.",
)  # fmt: skip
SCHEMA_WITHOUT_REPLICATION_KEY = Kind(
    "schema-without-replication-key", _P, _WRONG,
    "a SCHEMA that does not name created_at as its bookmark property",
    "The bookmark then speaks of a property that the records do not show.",
    "Keep created_at in bookmark_properties and in the selected properties.",
)  # fmt: skip
SCHEMA_CHANGED = Kind(
    "schema-changed", _P, _ODD, "a second SCHEMA differs from the first",
    "Targets start a new table version or fail.",
    "One run writes one SCHEMA a stream: look at what merges streams.",
)  # fmt: skip
RECORD_WITHOUT_KEY = Kind(
    "record-without-key", _P, _WRONG, "a RECORD lacks a property that every contact must have",
    "It can be neither upserted nor bookmarked.",
    "Look at stream maps: id and created_at must stay.",
)  # fmt: skip
INVALID_RECORD = Kind(
    "invalid-record", _P, _WRONG, "a RECORD breaks its SCHEMA",
    "Targets that validate stop; others write the wrong type.",
    "Look at the lines; something between LeadLex and here changes values.",
)  # fmt: skip
UNEVEN_RECORD = Kind(
    "uneven-record", _P, _WRONG, "a RECORD has other properties than the stream's first",
    "Values are lost, or stand under a name that the target drops.",
    "Look at the lines; an export has the same columns for every contact.",
)  # fmt: skip
STRAY_ACTIVATION = Kind(
    "stray-activation", _P, _LOSS, "ACTIVATE_VERSION for a version that no RECORD carries",
    "Targets drop every row of the table.",
    "An incremental sync must not send it; a full refresh sends it after its records.",
)  # fmt: skip
EARLY_ACTIVATION = Kind(
    "early-activation", _P, _LOSS, "ACTIVATE_VERSION before the last RECORD of its version",
    "Targets empty the table before the refresh is through; if it stops there, rows are gone.",
    "It belongs behind the last record.",
)  # fmt: skip
BAD_TIME_EXTRACTED = Kind(
    "bad-time-extracted", _P, _WRONG, "time_extracted is no date",
    "Targets stop or write a wrong _sdc_extracted_at.",
    "Look at the line.",
)  # fmt: skip

# 2. Keys

EMPTY_ID = Kind(
    "empty-id", _K, _WRONG, "a contact without an id",
    "All of these overwrite one another in the destination.",
    "Look at the lines; LeadLex gives every contact an id.",
)  # fmt: skip
REPEAT = Kind(
    "repeat", _K, _ODD, "a contact twice in one run, with the same content",
    "An upserting target is right all the same; an appending one has two rows.",
    "A run that nothing interrupts repeats nothing: look at what joins or retries streams.",
)  # fmt: skip
CONFLICT = Kind(
    "conflict", _K, _WRONG, "an id twice in one run, with different content",
    "One of the two overwrites the other, and which is right cannot be told.",
    "Compare the lines with the contact in LeadLex.",
)  # fmt: skip

# 3. Bookmarks

BAD_STATE = Kind(
    "bad-state", _B, _LOSS, "a STATE that the next run cannot read",
    "The next run fails, or begins at the wrong place.",
    "Look at the line; the state must be handed on as the tap wrote it.",
)  # fmt: skip
BAD_DATE = Kind(
    "bad-date", _B, _WRONG, "created_at is no date",
    "Whether the bookmark covers the contact cannot be told.",
    "Look at the lines; something between LeadLex and here changes values.",
)  # fmt: skip
BOOKMARK_BACK = Kind(
    "bookmark-back", _B, _ODD, "a bookmark goes back",
    "The next run repeats what was delivered.",
    "Make sure that one run at a time writes this state.",
)  # fmt: skip
BOOKMARK_AHEAD = Kind(
    "bookmark-ahead", _B, _LOSS, "a STATE stands past contacts that come after it",
    "Killed between the two, the sync loses them for good: no later run asks for them.",
    "Do not use this run's states; report it as a fault of the tap.",
)  # fmt: skip
RECORD_AHEAD = Kind(
    "record-ahead", _B, _WRONG, "contacts delivered that the following STATE does not cover",
    "The next run repeats them; or the bookmark, or their created_at, is wrong.",
    "Compare created_at with LeadLex: a shifted time zone shows like this.",
)  # fmt: skip
BEFORE_RESUME = Kind(
    "before-resume", _B, _ODD, "contacts from before the place where the last run ended",
    "They were delivered before, unless the run had another state than --state says.",
    "Hand both programs the same state, and this one the tap's --lookback-seconds.",
)  # fmt: skip
RESUMED_ELSEWHERE = Kind(
    "resumed-elsewhere", _B, _LOSS, "the run did not begin where the last one ended",
    "What lies between the two places is skipped or repeated.",
    "Give the tap the state that the last run ended with: the one of --state.",
)  # fmt: skip
UNCOUNTED = Kind(
    "uncounted", _B, _LOSS, "contacts that a STATE counts as delivered and that did not come",
    "They were lost between the tap and here, and no later run asks for them.",
    "Look at what filters or rewrites the stream; a stream map that filters shows like this.",
)  # fmt: skip
FUTURE_BOOKMARK = Kind(
    "future-bookmark", _B, _LOSS, "a bookmark lies in the future",
    "Contacts created until then are skipped for good.",
    "Set the clock of the machine that runs the tap, and do not use this state.",
)  # fmt: skip
UNCLOSED = Kind(
    "unclosed", _B, _ODD, "the stream ends with contacts that no STATE covers",
    "The run was cut off: the next one repeats these contacts.",
    "Read the tap's log and run again.",
)  # fmt: skip
NO_STATE = Kind(
    "no-state", _B, _LOSS, "the stream ends without any STATE",
    "The next run knows of nothing and begins from the same place.",
    "Read the tap's log: it ended before it closed a window.",
)  # fmt: skip
FILTERS_CHANGED = Kind(
    "filters-changed", _B, _LOSS, "the bookmark was earned under other filters",
    "Contacts that only the new filters let through are skipped below the bookmark.",
    "Use one state for one set of filters (list_id, tags); begin anew for another.",
)  # fmt: skip

# 4. Completeness

MISSING = Kind(
    "missing", _N, _LOSS, "contacts that LeadLex has and the sync has not",
    "They are not in the destination, and no later run asks for them.",
    "Sync their range again with start_date and end_date; report it as a fault of the tap.",
)  # fmt: skip
SURPLUS = Kind(
    "surplus", _N, _WRONG, "contacts that the sync has and LeadLex has not",
    "Ids or dates were changed on the way, or the contacts were deleted long ago.",
    "Compare the sample below with LeadLex; a full refresh cleans the destination.",
)  # fmt: skip
MISDATED = Kind(
    "misdated", _N, _WRONG, "contacts that the sync has under another date than LeadLex",
    "Windows and bookmarks go by that date: the next run may skip or repeat contacts.",
    "Compare created_at with LeadLex: a shifted time zone shows like this.",
)  # fmt: skip
COUNT_MISMATCH = Kind(
    "count-mismatch", _N, _LOSS, "the sync and LeadLex count differently in a range",
    "Contacts are missing there, or stand there under a wrong date.",
    "Sync the range again with start_date and end_date.",
)  # fmt: skip

# 5. Content

DIFFERENT_VALUE = Kind(
    "different-value", _V, _WRONG, "a value differs from LeadLex",
    "The destination shows something that LeadLex does not.",
    "Look at the contact in LeadLex; --show-values prints both values.",
)  # fmt: skip
UNKNOWN_CONTACT = Kind(
    "unknown-contact", _V, _WRONG, "contacts whose id LeadLex does not know",
    "Ids were changed on the way: no later sync will update these rows.",
    "Look at what rewrites ids between LeadLex and here.",
)  # fmt: skip
