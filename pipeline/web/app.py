"""The page itself: which address shows what."""

import hmac
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from features.base import TEXTS
from pipeline.base.errors import UserError
from pipeline.base.paths import Paths
from pipeline.web import dataset, fields, forms, results
from pipeline.web.answers import Asking
from pipeline.web.asking import AskPage
from pipeline.web.desk import Desk, NotThere
from pipeline.web.guards import Guard
from pipeline.web.line import Line
from pipeline.web.sharing import SharePage
from pipeline.web.words import FILTERS, sentence

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STATIC = {file.name: file for file in sorted((HERE / "static").iterdir()) if file.is_file()}


def make(paths: Paths, *, host: str = "127.0.0.1", warm: bool = False, line: Line | None = None) -> ASGIApp:
    """The page over a project, for a server bound to `host`; `warm` asks the best system once beforehand."""
    return Guard(Page(paths, line or Line(), warm=warm).app, host=host)


class Page:
    """One project's page, its templates and its one asking thread."""

    def __init__(self, paths: Paths, line: Line, *, warm: bool):
        self.desk, self.line, self._warm = Desk(paths), line, warm
        self.token = secrets.token_urlsafe(32)
        loader = FileSystemLoader(HERE / "templates")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self._templates.filters |= FILTERS
        ask, share = AskPage(self), SharePage(self)
        routes = [
            Route("/", ask.show, methods=["GET"]),
            Route("/ask", ask.answer, methods=["POST"]),
            Route("/share", share.show, methods=["GET"]),
            Route("/share", share.answer, methods=["POST"]),
            Route("/results", self._page("results.html", self._results), methods=["GET"]),
            Route("/results/tables/{name}", self._table, methods=["GET"]),
            Route("/results/plots/{name}", self._plot, methods=["GET"]),
            Route("/data", self._page("data.html", lambda: {"data": dataset.summary(self.desk)}), methods=["GET"]),
            Route("/card", self._page("text.html", self._card), methods=["GET"]),
            Route("/static/{name}", self._static, methods=["GET"]),
        ]
        errors = {HTTPException: self._http_error, UserError: self._user_error, Exception: self._failed}
        self.app = Starlette(routes=routes, exception_handlers=errors, lifespan=self._life)

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        if self._warm:
            self.line.start(self._open)
        yield
        self.line.close()

    def _open(self) -> None:
        """Ask the best system about nothing much, so that the first answer waits for no network to be read."""
        try:
            for name in self.desk.askable()[:1]:
                own = fields.of(self.desk.reads(name), self.desk.past(), self.desk.params(), name)
                [draft] = forms.drafts(FormData(), own)
                draft = replace(draft, picture=forms.pixel(), values={**draft.values, **{c: c for c in TEXTS}})
                common, days = forms.shared(FormData(), own), self.desk.past().usual_days()
                Asking(self.desk, name, [draft], common, days, why=True)()
        except UserError as error:
            log.warning("%s", error)

    def render(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A page from a template; whatever it is given is escaped there."""
        return HTMLResponse(self._templates.get_template(template).render(token=self.token, **context), status)

    def check(self, token: Any) -> None:
        """Raise a 403 where a form does not bear the token of this start."""
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self.token.encode()):
            raise HTTPException(403, "This form is of an earlier start of the page; load it again.")

    def _page(self, template: str, content: Callable[[], dict[str, Any]]) -> Callable:
        async def shown(_: Request) -> Response:
            return await run_in_threadpool(lambda: self.render(template, **content()))

        return shown

    def _results(self) -> dict[str, Any]:
        paths = self.desk.paths
        return {
            "boards": results.leaderboards(paths),
            "tables": list(results.tables(paths)),
            "plots": list(results.plots(paths)),
        }

    def _card(self) -> dict[str, Any]:
        return {"title": "Model card", "text": results.card(self.desk.paths)}

    async def _table(self, request: Request) -> Response:
        file = results.tables(self.desk.paths).get(request.path_params["name"])
        if file is None:
            raise HTTPException(404, "There is no such table.")
        return self.render("text.html", title=file.stem, text=results.read(file, self.desk.paths))

    async def _plot(self, request: Request) -> Response:
        file = results.plots(self.desk.paths).get(request.path_params["name"])
        if file is None:
            raise HTTPException(404, "There is no such picture.")
        return FileResponse(file, media_type="image/png")

    async def _static(self, request: Request) -> Response:
        file = STATIC.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404, "There is no such file.")
        return FileResponse(file)

    async def _http_error(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = error.detail if error.detail != HTTPStatus(error.status_code).phrase else "There is no such page."
        response = self.render("error.html", error.status_code, said=said)
        response.headers.update(error.headers or {})
        return response

    async def _user_error(self, _: Request, error: Exception) -> Response:
        return self.render("error.html", 404 if isinstance(error, NotThere) else 503, said=sentence(error))

    async def _failed(self, _: Request, error: Exception) -> Response:
        said = f"Something went wrong ({type(error).__name__}); the window that the page was started in says more."
        return self.render("error.html", 500, said=said)
