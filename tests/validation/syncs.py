"""Real syncs of the tap, validated against the sandbox that they read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_leadlex.validation.options import Options
from tap_leadlex.validation.validation import Validation
from tests.support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_leadlex.sandbox import Sandbox
    from tap_leadlex.validation.outcome import Outcome
    from tests.support import Json, Run


def options(sandbox: Sandbox, **more: Any) -> Options:  # noqa: ANN401 - any option
    """Give the options for validating a sync of a sandbox."""
    return Options(**{"api_url": sandbox.url, "api_key": sandbox.key} | more)


def validate(sandbox: Sandbox, sync: Callable[[], Run], **more: Any) -> tuple[Run, Outcome]:  # noqa: ANN401
    """Validate a sync as the end of its pipe would: from a count before to a comparison after."""
    validation = Validation(options(sandbox, **more), "the tap", live=True)
    done = sync()
    return done, validation.stream([done.out.encode().splitlines()], lambda _: None)


def judge(sandbox: Sandbox, lines: Sequence[bytes], **more: Any) -> Outcome:  # noqa: ANN401
    """Validate lines against a sandbox in which nothing changes."""
    validation = Validation(options(sandbox, **more), "lines", live=True)
    return validation.stream([list(lines)], lambda _: None)


def full_refresh(config: Json) -> Json:
    """Give a catalog that has the tap deliver everything again."""
    catalog: Json = json.loads(run(config, "--discover").out)
    for stream in catalog["streams"]:
        stream["replication_method"] = "FULL_TABLE"
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"] |= {"replication-method": "FULL_TABLE", "selected": True}
    return catalog
