"""The page that asks a system what to expect of drafts."""

from typing import Any, ClassVar

from starlette.datastructures import FormData

from pipeline.base.errors import UserError
from pipeline.web import forms
from pipeline.web.answers import Asking
from pipeline.web.form_page import FormPage


class AskPage(FormPage):
    """Asks one system about drafts."""

    template = "ask.html"
    unasked: ClassVar = {"why": "1"}
    other = "predicts no count of drafts"

    def _nothing(self) -> UserError:
        return UserError("nothing is trained here yet: run make repro, then load this page again")

    def _ask(self, form: FormData, shown: dict[str, Any]) -> Any:
        found, common = forms.drafts(form, shown["fields"]), forms.shared(form, shown["fields"])
        return Asking(self._page.desk, shown["system"], found, common, forms.days(form), why="why" in form)()
