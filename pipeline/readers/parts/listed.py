"""Lists that a tool wrote as text: JSON, Python's and NumPy's spelling, PostgreSQL's; and what their elements are."""

import ast
import json
import re
import warnings
from typing import Any

LONGEST = 100_000
"""Characters; what is longer is text, not a list that somebody printed."""

_NAMED = ("tag", "text", "name", "raw", "_content", "hashtag", "uri", "url")
"""Where an object of a list keeps its word, in the order of trust."""
_BESIDE = re.compile(r"""(?<=['"])\s+(?=['"])""")
_BRACES = re.compile(r"\{([^{}:]*)\}")


def from_text(text: str) -> list[Any] | None:
    """The list that a text spells, None where it spells none."""
    text = text.strip()
    if len(text) > LONGEST or text[:1] + text[-1:] not in ("[]", "()", "{}"):
        return None
    braces = _BRACES.fullmatch(text)
    if braces:
        return [part.strip().strip('"') for part in braces[1].split(",") if part.strip()]
    if text[0] == "{":
        return None
    for read, spelled in ((json.loads, text), (ast.literal_eval, _BESIDE.sub(", ", text))):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of backslashes that escape nothing
                value = read(spelled)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return list(value) if isinstance(value, list | tuple | set) else None
    return None


def word(element: Any) -> Any:
    """What an element of a list says: itself, or what an object such as `{"start": 0, "tag": "lake"}` holds."""
    if isinstance(element, dict):
        return next((element[key] for key in _NAMED if isinstance(element.get(key), str)), None)
    return element


def content(value: dict[str, Any]) -> Any:
    """Flickr's `{"_content": "text"}` as its text, and `{"tag": [...]}`, an object around one list, as the list."""
    if "_content" in value:
        return value["_content"]
    inner = next(iter(value.values())) if len(value) == 1 else None
    return inner if isinstance(inner, list) else value
