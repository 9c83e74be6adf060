"""Features as entries of params.yaml describe them."""

from typing import Any

from features import base
from features.base import Feature
from pipeline.base.sections import Entry


def make(name: str, arguments: dict[str, Any], **given: Any) -> Feature:
    """The feature of an entry that has the name of its file."""
    return base.make(Entry(name, name, arguments=arguments), **given)
