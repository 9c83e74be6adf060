"""What happened to every row of a raw dataset: read, kept, dropped, filtered or tagged, by reason."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.base.errors import UserError

log = logging.getLogger(__name__)

EXAMPLES = 5
"""Offending rows named for each reason."""

_NAMED = 30
"""Columns that a line of the log lists."""

Source = str | Sequence[str]
"""The file of all rows, or of each."""


class Audit:
    """Counts rows by reason and remembers the first few of each.

    A dropped row is damaged and gone; a filtered one is sound, and left out because the parameters or the
    format ask for it; a tagged one is kept, with the value in question emptied or mended.
    """

    def __init__(self) -> None:
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.filtered: Counter[str] = Counter()
        self.tagged: Counter[str] = Counter()
        self.left_out: list[str] = []
        self.examples: dict[str, list[dict[str, Any]]] = {}

    def drop(self, reason: str, file: Source, rows: Iterable[int], column: str | None = None) -> None:
        """Count `rows` (line or record numbers of `file`, or each of its own file) as dropped for `reason`."""
        self._note(self.dropped, reason, file, rows, column)

    def filter(self, reason: str, file: Source, rows: Iterable[int], column: str | None = None) -> None:
        """Count `rows` as left out on purpose; `max_dropped` does not count them."""
        self._note(self.filtered, reason, file, rows, column)

    def tag(self, reason: str, file: Source, rows: Iterable[int], column: str | None = None) -> None:
        """Count `rows` as kept in spite of `reason`."""
        self._note(self.tagged, reason, file, rows, column)

    def take(self, other: "Audit") -> None:
        """Take over, as tags, what happened to rows of a file beside the posts' own."""
        for reason, n in (other.dropped + other.filtered + other.tagged).items():
            self.tagged[reason] += n
            self.examples[reason] = (self.examples.get(reason, []) + other.examples[reason])[:EXAMPLES]

    def _note(self, counter: Counter[str], reason: str, file: Source, rows: Iterable[int], column: str | None) -> None:
        rows = [int(row) for row in rows]
        if rows:
            counter[reason] += len(rows)
            files = [file] * len(rows) if isinstance(file, str) else file
            found = [{"file": f, "row": row, "column": column} for f, row in zip(files, rows[:EXAMPLES], strict=False)]
            self.examples[reason] = (self.examples.get(reason, []) + found)[:EXAMPLES]

    @property
    def kept(self) -> int:
        """Rows that stay."""
        return self.read - self.dropped.total() - self.filtered.total()

    def where(self, reason: str) -> str:
        """The first row of a reason, as `posts.csv, row 12, column likes`."""
        first = self.examples[reason][0]
        column = f", column {first['column']}" if first["column"] else ""
        return f"{first['file']}, row {first['row']}{column}"

    def check(self, source: str, max_dropped: float) -> None:
        """Raise `UserError` where nothing is left or more than the share `max_dropped` was dropped."""
        if not self.read:
            raise UserError(f"{source}: no rows")
        if not self.kept or self.dropped.total() > max_dropped * self.read:
            limit = f"more than dataset.max_dropped {max_dropped:g} allows" if self.kept else "none is left"
            gone = self.dropped if self.kept else self.dropped + self.filtered
            reasons = (f"{reason} ({n}, first: {self.where(reason)})" for reason, n in gone.most_common(3))
            raise UserError(f"{source}: {gone.total()} of {self.read} rows dropped, {limit}: {'; '.join(reasons)}")

    def report(self, source: str) -> None:
        """Log the counts, a line a reason."""
        log.info("%s: %d rows read, %d kept", source, self.read, self.kept)
        counters = {"dropped": self.dropped, "filtered": self.filtered, "tagged": self.tagged}
        for word, counter in counters.items():
            for reason, n in counter.most_common():
                log.warning("%s: %d %s: %s (first: %s)", source, n, word, reason, self.where(reason))
        if self.left_out:
            more = f" and {len(self.left_out) - _NAMED} more" if len(self.left_out) > _NAMED else ""
            log.info("%s: columns left out: %s%s", source, ", ".join(self.left_out[:_NAMED]), more)

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(self.dropped),
            "filtered": dict(self.filtered),
            "tagged": dict(self.tagged),
            "left_out": self.left_out,
            "examples": self.examples,
        }
