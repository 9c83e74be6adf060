"""JSON documents as records, whatever shape a tool gave them, and values inside records by a path.

| shape | as pandas calls it | example |
| --- | --- | --- |
| list of objects | records | `[{"a": 1}]` |
| object of lists | list | `{"a": [1]}` |
| object of objects by row | columns, dict | `{"a": {"0": 1}}` |
| object of objects by column | index | `{"0": {"a": 1}}` |
| names and rows apart | split, tight | `{"columns": ["a"], "data": [[1]]}` |
| records with their schema | table | `{"schema": {...}, "data": [{"a": 1}]}` |
| names in the first of many lists | values, with a header | `[["a"], [1]]` |
| one of them inside an object that says nothing else of posts | | `{"photos": {"page": 1, "photo": [{"a": 1}]}}` |
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from pipeline.readers.parts.clean import mended

Record = dict[str, Any]

_SCRIPT = re.compile(r"\s*(?:var |let |const )?[A-Za-z_$][\w.$]*\s*=\s*(?=[\[{])")
_DEEPEST = 4
"""Objects around the posts."""


class Shapeless(ValueError):  # noqa: N818 - what a document is
    """A document that holds no records; the argument says why."""


def loads(text: str, halved: Callable[[], None] = lambda: None) -> Any:
    """A JSON text, also as a script assigns it (`window.YTD.tweets.part0 = [...]`). Raises as `json.loads` does.

    Halves of surrogate pairs, which no file can hold, are replaced, and `halved` is called where there are any.
    """
    script = _SCRIPT.match(text)
    value = json.loads(text[script.end() :].rstrip().removesuffix(";") if script else text)
    if "\\ud" not in text and "\\uD" not in text:
        return value
    whole = _whole(value)
    if whole != value:
        halved()
    return whole


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return mended(value)
    if isinstance(value, dict):
        return {mended(name): _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


def records(value: Any, names: Collection[str] = ()) -> list[Record]:
    """The rows of a document in one of the shapes above, in their order.

    `names` are fields to expect, with points for what stands inside; they tell rows from columns where the keys do
    not. Raises `Shapeless`.
    """
    if isinstance(value, dict) and any("." in name and dig(value, name) is not None for name in names):
        return [value]
    found = _table(value, names)
    if found is None:
        found = _inside(value, names, _DEEPEST)
    if found is None and isinstance(value, dict) and value:
        found = [value]
    if found is None:
        raise Shapeless("expected a list of records, an object of lists or of objects")
    return found


def parallel(value: Any, names: Collection[str] = ()) -> dict[str, list[Any]] | None:
    """The columns of an object of lists, as they are; None where it is another shape, or may be."""
    if not isinstance(value, dict) or {"data", "columns", "schema"} & {*value} or any("." in name for name in names):
        return None
    if not all(isinstance(column, list) and column and not _objects(column) for column in value.values()):
        return None
    return value if len({*map(len, value.values())}) == 1 else None


def keyed(value: Any, names: Collection[str], key: str) -> Any:
    """Rows under names of their own, in objects by row or by column, as records with the name as their field `key`.

    `names` are the fields of columns, in any case of letters. Whatever else, as it is.
    """
    if not isinstance(value, dict) or key in value:
        return value
    if not all(isinstance(one, dict) and key not in one for one in value.values()):
        return value
    known = {name.lower() for name in names}
    if any(name.lower() in known for name in value):
        labels = dict.fromkeys(label for column in value.values() for label in column)
        value = {label: {name: column.get(label) for name, column in value.items()} for label in labels}
    return value if _numbered(value) else [{key: label, **row} for label, row in value.items()]


def is_table(value: Any, names: Collection[str] = ()) -> bool:
    """Whether an object is many rows of fields, some of which are `names`: lists, or objects by row number."""
    if not isinstance(value, dict) or not value:
        return False
    inner = list(value.values())
    if all(isinstance(one, dict) for one in inner) and not (_numbered(value) or all(map(_numbered, inner))):
        return False
    try:
        rows = _table(value, names)
    except Shapeless:
        return False
    return bool(rows) and any(name in rows[0] for name in names)


def is_record(value: Record, names: Collection[str] = ()) -> bool:
    """Whether an object is one row, for it has a field of `names` and is no table of them."""
    return any(dig(value, name) is not None for name in names) and not is_table(value, names)


def _table(value: Any, names: Collection[str]) -> list[Record] | None:
    if isinstance(value, list):
        return _rows(value)
    if not isinstance(value, dict) or not value:
        return None
    data, columns, schema = value.get("data"), value.get("columns"), value.get("schema")
    if isinstance(data, list) and isinstance(columns, list) and all(isinstance(row, list) for row in data):
        return _with_names([_name(column) for column in columns], data)
    if isinstance(data, list) and isinstance(schema, dict) and "fields" in schema:
        return _rows(data)
    inner = list(value.values())
    if all(isinstance(column, list) for column in inner) and not any(_objects(column) for column in inner):
        return _parallel(value)
    if all(isinstance(one, dict) for one in inner) and (len(inner) > 1 or _numbered(value) or _numbered(inner[0])):
        return _by_column(value) if _rows_inside(value, names) else [dict(one) for one in inner]
    return None


def _rows(value: list[Any]) -> list[Record] | None:
    if all(isinstance(row, dict) for row in value):
        return list(value)
    header = value[0]
    if len(value) > 1 and isinstance(header, list) and header and all(isinstance(name, str) for name in header):
        return _with_names(header, value[1:]) if all(isinstance(row, list) for row in value[1:]) else None
    return None


def _with_names(names: list[str], rows: list[list[Any]]) -> list[Record]:
    wrong = next((i for i, row in enumerate(rows, 1) if len(row) != len(names)), None)
    if wrong is not None:
        raise Shapeless(f"record {wrong} has {len(rows[wrong - 1])} values for {len(names)} columns")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _name(column: Any) -> str:
    return ".".join(map(str, column)) if isinstance(column, list) else str(column)


def _parallel(value: dict[str, list[Any]]) -> list[Record]:
    lengths = {name: len(column) for name, column in value.items()}
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.get), max(lengths, key=lengths.get)
        raise Shapeless(f"'{short}' has {lengths[short]} values and '{long}' {lengths[long]}; is the file complete?")
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _by_column(value: dict[str, Record]) -> list[Record]:
    labels = dict.fromkeys(label for column in value.values() for label in column)
    return [{name: column.get(label) for name, column in value.items()} for label in labels]


def _rows_inside(value: dict[str, Record], names: Collection[str]) -> bool:
    """Whether the outer keys name columns and the inner ones rows."""
    inner = dict.fromkeys(key for one in value.values() for key in one)
    outside, within = sum(name in value for name in names), sum(name in inner for name in names)
    if outside != within:
        return outside > within
    if _numbered(inner) != _numbered(value):
        return _numbered(inner)
    return len(inner) >= len(value)


def _numbered(keys: Iterable[str]) -> bool:
    return all(str(key).lstrip("-").isdecimal() for key in keys)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _inside(value: Any, names: Collection[str], depth: int) -> list[Record] | None:
    """The records in an object that has nothing else but single values, and none of the `names`."""
    if not isinstance(value, dict) or depth == 0 or any(name in value for name in names):
        return None
    others = [inner for inner in value.values() if isinstance(inner, list | dict) and inner]
    if len(others) != 1:
        return None
    return others[0] if _objects(others[0]) else _inside(others[0], names, depth - 1)


def dig(record: Any, path: str) -> Any:
    """What stands at `owner.nsid` or `media.0.uri` of a record; None where nothing does."""
    if isinstance(record, dict) and path in record:
        return record[path]
    head, _, rest = path.partition(".")
    if isinstance(record, list) and head.isdecimal() and int(head) < len(record):
        inner = record[int(head)]
    elif isinstance(record, dict) and head in record:
        inner = record[head]
    else:
        return None
    return dig(inner, rest) if rest else inner
