"""The page that asks rankers: who of a user's followers would share a draft."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from starlette.datastructures import FormData

from pipeline import rank
from pipeline.base.errors import MissingColumn, UserError
from pipeline.web import fields, forms
from pipeline.web.desk import NotThere
from pipeline.web.form_page import FormPage

SHOWN = 20
"""Followers named a draft."""


@dataclass(frozen=True)
class Followers:
    """Who is most likely to share one draft."""

    draft: str
    picture: str | None
    first: list[tuple[int, str, float]]
    """Rank, user and score."""
    n: int
    """Followers in all."""
    alike: bool
    """Whether all of several have the same score."""


class SharePage(FormPage):
    """Asks one ranker about the followers of a user."""

    template, ranks = "share.html", True
    other = "ranks nothing"

    def _nothing(self) -> UserError:
        return NotThere("nothing that ranks is trained here: it takes a dataset that knows who follows whom")

    def _ask(self, form: FormData, shown: dict[str, Any]) -> list[Followers]:
        desk, p, own = self._page.desk, self._page.desk.params(), shown["fields"]
        drafts, common = [forms.decoded(draft, p) for draft in forms.drafts(form, own)], forms.shared(form, own)
        user = common.get("user_id", "")
        if not user:
            raise UserError("whose followers are asked about? Fill in the user")
        pictures = [forms.shown(draft, p) for draft in drafts]
        days = forms.days(form) if own.days else None
        with tempfile.TemporaryDirectory(prefix="likecast-") as folder:
            file = forms.write(Path(folder), drafts, common | fields.taken_over(common, own, desk.past()), p)
            try:
                table = rank.for_followers(desk.paths, p, shown["system"], file, user, days=days)
            except MissingColumn as error:
                raise error.within("the form") from None
            except UserError as error:
                said = str(error).replace(str(file), "the form").removeprefix(f"--followers-of {user}: ")
                raise UserError(said) from None
        groups = dict(list(table.groupby("post_id", sort=False)))
        return [_followers(d.name, pic, groups[d.name]) for d, pic in zip(drafts, pictures, strict=True)]


def _followers(name: str, picture: str | None, rows: pd.DataFrame) -> Followers:
    first = rows.head(SHOWN)
    named = list(zip(first["rank"], first["user_id"], first["score"], strict=True))
    return Followers(name, picture, named, len(rows), len(rows) > 1 and (rows["score"] == rows["score"].iloc[0]).all())
