"""The page that asks rankers: who of a user's followers would share a draft."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from pipeline import rank
from pipeline.base.errors import MissingColumn, UserError
from pipeline.web import fields, forms
from pipeline.web.asking import proposed, read_form, starts
from pipeline.web.desk import NotThere
from pipeline.web.words import sentence

if TYPE_CHECKING:
    from pipeline.web.app import Page

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


class SharePage:
    """Asks one ranker about the followers of a user."""

    def __init__(self, page: "Page"):
        self._page = page

    async def show(self, request: Request) -> Response:
        """The empty form."""
        chosen = request.query_params.get("system")
        return await run_in_threadpool(lambda: self._page.render("share.html", **self._form(chosen, {})))

    async def answer(self, request: Request) -> Response:
        """The answer to a form, above the same form."""
        with self._page.line.place():
            async with read_form(self._page, request) as form:
                return await self._page.line.run(self._answer, form)

    def _answer(self, form: FormData) -> Response:
        given = {key: value for key, value in form.items() if isinstance(value, str)}
        shown = self._form(given.get("system"), given)
        if given.get("act") == "form":
            return self._page.render("share.html", **shown)
        try:
            found = self._ask(form, shown)
        except UserError as error:
            return self._page.render("share.html", 422, **{**shown, "problem": sentence(error)})
        return self._page.render("share.html", **{**shown, "found": found})

    def _form(self, system: str | None, given: dict[str, str]) -> dict[str, Any]:
        desk = self._page.desk
        systems = desk.askable(ranks=True)
        if not systems:
            raise NotThere("nothing that ranks is trained here: it takes a dataset that knows who follows whom")
        chosen = system or systems[0]
        if chosen not in systems:
            desk.trained(chosen)
            raise NotThere(f"{chosen} ranks nothing; choose one of the list")
        own = fields.of(desk.reads(chosen), desk.past(), desk.params(), chosen)
        return {
            "system": chosen,
            "systems": systems,
            "most": fields.MOST,
            "fields": own,
            "given": {"days": f"{desk.past().usual_days():g}", **starts(own, desk), **given},
            "proposed": proposed(own, desk),
            "found": None,
            "problem": None,
        }

    def _ask(self, form: FormData, shown: dict[str, Any]) -> list[Followers]:
        desk, p, own = self._page.desk, self._page.desk.params(), shown["fields"]
        drafts, common = forms.drafts(form, own), forms.shared(form, own)
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
