"""What was filled in becomes a table of drafts with pictures beside it, in a folder that nothing else sees.

The table is read as that of the command line is, so both clean alike and predict the same. Pictures lie there under
names of ours.
"""

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from PIL import Image
from starlette.datastructures import FormData, UploadFile

from pipeline.base.errors import UserError
from pipeline.base.params import Params
from pipeline.storage import pixels
from pipeline.web.decoding import DECODER, SLOW
from pipeline.web.fields import MOST, Fields, zone

TABLE = "drafts.jsonl"
SHOWN = 320
"""Pixels of the longer side of a picture in an answer."""
UNUSABLE = {
    "empty": "its file is empty",
    "truncated": "its file is cut off",
    "too large": "it has too many pixels (images.max_pixels)",
    SLOW: "it takes too long, or too much memory, to decode",
    "unreadable": "its file is no picture that can be read",
}


@dataclass(frozen=True)
class Draft:
    """One draft as it was filled in."""

    name: str
    values: dict[str, str]
    picture: bytes | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing tells it from the others."""
        return self.picture is None and not any(v for k, v in self.values.items() if k != "posted_at")


def drafts(form: FormData, fields: Fields) -> list[Draft]:
    """The drafts of a form, those without anything left out, the first of all kept."""
    found = []
    for i in range(MOST):
        values = {field.name: _text(form, f"{i}.{field.name}") for field in fields.of_draft if field.kind != "file"}
        upload = form.get(f"{i}.image")
        data = upload.file.read() if isinstance(upload, UploadFile) and upload.filename else None
        found.append(Draft(f"Draft {i + 1}", values, data))
    return [draft for draft in found if not draft.empty] or found[:1]


def shared(form: FormData, fields: Fields) -> dict[str, str]:
    """What was filled in for all drafts."""
    return {field.name: _text(form, field.name) for field in (*fields.shared, *fields.of_user)}


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def days(form: FormData) -> float | None:
    """Days online that were asked for. Raises `UserError` for what is no number."""
    text = _text(form, "days")
    try:
        return float(text) if text else None
    except ValueError:
        raise UserError(f"Days online: {text!r} is no number") from None


def write(folder: Path, found: list[Draft], common: Mapping[str, str], p: Params) -> Path:
    """The table of drafts, written into an empty folder with their pictures."""
    with (folder / TABLE).open("w", encoding="utf-8") as file:
        for i, draft in enumerate(found, start=1):
            row = {**common, **draft.values}
            if row.get("posted_at"):
                row["posted_at"] = _time(draft.name, row["posted_at"], p)
            if draft.picture is not None:
                (folder / f"picture-{i}").write_bytes(draft.picture)
                row["image"] = f"picture-{i}"
            row |= {"post_id": draft.name, "image": row.get("image")}
            file.write(json.dumps({k: v or None for k, v in row.items()}) + "\n")
    return folder / TABLE


def _time(name: str, text: str, p: Params) -> str:
    """Day and hour with their zone, which no other form of time can be taken for."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone(p))).isoformat()
    except ValueError:
        raise UserError(f"{name}: {text[:40]!r} is no day and hour; write it as 2024-05-31T18:00") from None


def decoded(draft: Draft, p: Params) -> Draft:
    """The draft with its picture as it is packed, from which all else is made; nobody decodes the upload again.

    Raises `UserError` for what is no picture, or one of more pixels or time than are spent on it.
    """
    if draft.picture is None:
        return draft
    try:
        if not draft.picture:
            raise pixels.Unusable("empty")
        return replace(draft, picture=DECODER.pack(draft.picture, p.images))
    except pixels.Unusable as reason:
        why = UNUSABLE.get(str(reason), f"its format is not read ({str(reason).rpartition(': ')[2]})")
        raise UserError(f"{draft.name}: the picture cannot be used: {why}; choose another") from None


def shown(draft: Draft, p: Params) -> str | None:
    """A small copy of the picture of a draft that is `decoded`, as an address that holds it."""
    if draft.picture is None:
        return None
    data, *_ = pixels.pack(draft.picture, replace(p.images, max_side=min(SHOWN, p.images.max_side)))
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def pixel() -> bytes:
    """The smallest picture there is."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")
    return file.getvalue()
