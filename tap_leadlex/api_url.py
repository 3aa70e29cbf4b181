"""The base URL of the LeadLex API: the default, and the rule for other values.

The tap and leadlex-validate share these facts, so this module imports no other part of either.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_API_URL = "https://data.leadlex.com/functions/v1/api-gateway/v1"
API_URL_RULE = "an https:// URL without a query (http:// only on a loopback address)"

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = rf"({_LABEL}(\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])"
_LOOPBACK = r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])"
END = r"(?![\s\S])"  # unlike $, it does not match before a final line break
API_URL_PATTERN = rf"^(https://{_HOST}|http://{_LOOPBACK})(:\d+)?(/[^\s?#]*)?{END}"
"""The part of the rule that a JSON schema can express."""


def is_api_url(text: str) -> bool:
    """Return whether `text` can be the base URL of the API.

    The key goes to that host, so plain HTTP is accepted on a loopback address only.
    """
    if re.search(API_URL_PATTERN, text) is None:
        return False
    try:
        _ = urlsplit(text).port  # a bad IPv6 address or a port above 65535
    except ValueError:
        return False
    return True
