"""What pages that ask have in common: a form for one system, and the answer above it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pipeline.base.errors import UserError
from pipeline.web import fields
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


class FormPage(ABC):
    """Asks one trained system or ranker about drafts."""

    template: ClassVar[str]
    """The file in templates/."""
    ranks: ClassVar[bool] = False
    """Whether rankers are asked."""
    unasked: ClassVar[dict[str, str]] = {}
    """What is filled in, and may be emptied, before anything is asked."""
    other: ClassVar[str]
    """What one that cannot be asked here does, in words."""

    def __init__(self, page: "Page"):
        self._page = page

    async def show(self, request: Request) -> Response:
        """The empty form, for the system in the address."""
        chosen = request.query_params.get("system")
        return await run_in_threadpool(lambda: self._page.render(self.template, **self._form(chosen, self.unasked)))

    async def answer(self, request: Request) -> Response:
        """The answer to a form, above the same form."""
        with self._page.line.place():
            async with read_form(self._page, request) as form:
                return await self._page.line.run(self._answer, form)

    @abstractmethod
    def _nothing(self) -> UserError:
        """What is said where none is trained."""

    @abstractmethod
    def _ask(self, form: FormData, shown: dict[str, Any]) -> Any:
        """The answer to a form that is `shown`. Raises `UserError` for what the form cannot ask."""

    def _answer(self, form: FormData) -> Response:
        given = {key: value for key, value in form.items() if isinstance(value, str)}
        shown = self._form(given.get("system"), given)
        if given.get("act") == "form":
            return self._page.render(self.template, **shown)
        try:
            reply = self._ask(form, shown)
        except NotThere:
            raise
        except UserError as error:
            return self._page.render(self.template, 422, **{**shown, "problem": sentence(error)})
        return self._page.render(self.template, **{**shown, "reply": reply})

    def _form(self, system: str | None, given: dict[str, str]) -> dict[str, Any]:
        desk = self._page.desk
        systems = desk.askable(ranks=self.ranks)
        if not systems:
            raise self._nothing()
        chosen = system or systems[0]
        if chosen not in systems:
            desk.trained(chosen)
            raise NotThere(f"{chosen} {self.other}; choose one of the list")
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
