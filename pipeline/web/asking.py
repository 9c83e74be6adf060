"""The page that asks: its form, and the answer above it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.base.errors import UserError
from pipeline.web import fields, forms
from pipeline.web.answers import Asking
from pipeline.web.desk import Desk, NotThere
from pipeline.web.guards import SLOWEST
from pipeline.web.words import sentence

if TYPE_CHECKING:
    from pipeline.web.app import Page

LONGEST = 2**16
"""Bytes of a text."""
FIELDS = 200
"""Fields of a form."""


@asynccontextmanager
async def read_form(page: "Page", request: Request) -> AsyncIterator[FormData]:
    """The form of a request, by somebody who has a place in the line; bounded in size, number and time."""
    try:
        async with asyncio.timeout(SLOWEST):
            form = await request.form(max_files=fields.MOST, max_fields=FIELDS, max_part_size=LONGEST)
    except TimeoutError:
        raise HTTPException(408, f"The form did not arrive within {SLOWEST} seconds; send it again.") from None
    except HTTPException as error:
        if error.status_code != 400:
            raise
        said = (
            f"The form could not be read; a text may have {LONGEST // 1024} KiB, and there are {fields.MOST} pictures"
        )
        raise HTTPException(400, f"{said} at most.") from None
    try:
        page.check(form.get("token"))
        yield form
    finally:
        await form.close()


class AskPage:
    """Asks one system about drafts."""

    def __init__(self, page: "Page"):
        self._page = page

    async def show(self, request: Request) -> Response:
        """The empty form, for the system in the address."""
        chosen = request.query_params.get("system")
        return await run_in_threadpool(lambda: self._page.render("ask.html", **self._form(chosen, {})))

    async def answer(self, request: Request) -> Response:
        """The answer to a form, above the same form."""
        with self._page.line.place():
            async with read_form(self._page, request) as form:
                return await self._page.line.run(self._answer, form)

    def _answer(self, form: FormData) -> Response:
        given = {key: value for key, value in form.items() if isinstance(value, str)}
        shown = self._form(given.get("system"), given)
        if given.get("act") == "form":
            return self._page.render("ask.html", **shown)
        try:
            found = forms.drafts(form, shown["fields"])
            common = forms.shared(form, shown["fields"])
            reply = Asking(self._page.desk, shown["system"], found, common, forms.days(form))()
        except NotThere:
            raise
        except UserError as error:
            return self._page.render("ask.html", 422, **{**shown, "problem": sentence(error)})
        return self._page.render("ask.html", **{**shown, "reply": reply})

    def _form(self, system: str | None, given: dict[str, str]) -> dict[str, Any]:
        desk = self._page.desk
        systems = desk.askable()
        if not systems:
            raise UserError("nothing is trained here yet: run make repro, then load this page again")
        chosen = system or systems[0]
        if chosen not in systems:
            desk.trained(chosen)
            raise NotThere(f"{chosen} predicts no count of drafts; choose one of the list")
        own = fields.of(desk.reads(chosen), desk.past(), desk.params(), chosen)
        return {
            "system": chosen,
            "systems": systems,
            "most": fields.MOST,
            "fields": own,
            "given": {"days": f"{desk.past().usual_days():g}", **starts(own, desk), **given},
            "proposed": proposed(own, desk),
            "reply": None,
            "problem": None,
        }


def starts(own: fields.Fields, desk: Desk) -> dict[str, str]:
    """What stands in the fields before anybody fills them in."""
    then = fields.now(desk.params())
    return {f"{i}.{f.name}": then for i in range(fields.MOST) for f in own.of_draft if f.name == fields.TIME}


def proposed(own: fields.Fields, desk: Desk) -> dict[str, list[str]]:
    """What fields propose, by name."""
    every = (*own.shared, *own.of_user, *own.of_draft)
    return {field.name: desk.past().proposed(field.name) for field in every if field.proposed}
