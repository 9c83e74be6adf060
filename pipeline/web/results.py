"""What the pipeline wrote for people, as pages: Markdown without its HTML, pictures by a fixed list of names."""

from collections.abc import Iterator
from html import escape
from itertools import count
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.base.paths import Paths
from pipeline.metrics.tasks import TASKS
from pipeline.web.desk import NotThere

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
REMEDY = "run make repro and load this page again"


def leaderboards(paths: Paths) -> list[str]:
    """The leaderboards as HTML, those of posts first. Raises `NotThere` where none is written yet."""
    files = [paths.results / f"{task.file('leaderboard')}.md" for task in TASKS]
    found = [read(file, paths) for file in files if file.exists()]
    if not found:
        raise NotThere(f"there is no leaderboard yet; {REMEDY}")
    return found


def card(paths: Paths) -> str:
    """The model card as HTML. Raises `NotThere` where it is not written yet."""
    return read(paths.results / "CARD.md", paths)


def tables(paths: Paths) -> dict[str, Path]:
    """The papers' tables by name."""
    return {file.stem: file for file in _files(paths.results / "tables", "*.md")}


def plots(paths: Paths) -> dict[str, Path]:
    """Pictures by file name: the only files of the project that are served as they are."""
    return {file.name: file for file in _files(paths.results / "plots", "*.png")}


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    return (file for file in sorted(folder.glob(pattern)) if file.is_file() and not file.is_symlink())


def read(file: Path, paths: Paths) -> str:
    """A Markdown file as HTML. Raises `NotThere` where there is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        where = file.relative_to(paths.root).as_posix()
        raise NotThere(f"{where} is not written yet; {REMEDY}") from None
    return rendered(text, file.stem)


def rendered(text: str, name: str) -> str:
    """Markdown as HTML: headings one lower than there, tables that scroll by themselves, no style of its own.

    `name` is what tables are called by, for those who do not see them.
    """
    tokens = list(_adapted(_MARKDOWN.parse(text), name))
    return _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})


def _adapted(tokens: list[Token], name: str) -> Iterator[Token]:
    tables = count(1)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        if "right" in str(token.attrs.pop("style", "")):  # the page's policy forbids styles in tags
            token.attrs["class"] = "number"
        if token.type == "table_open":
            yield _block(
                f'<div class="wide" role="region" aria-label="{escape(name)}, table {next(tables)}" tabindex="0">\n'
            )
        yield token
        if token.type == "table_close":
            yield _block("</div>\n")


def _block(content: str) -> Token:
    return Token("html_block", "", 0, content=content)
