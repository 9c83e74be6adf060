"""Features of an entry by their roles, of systems that read one feature a role."""

from collections.abc import Mapping, Sequence

from pipeline.base.errors import UserError


def one_each(
    features: Mapping[str, Sequence[str]],
    *,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> dict[str, list[str]]:
    """The features that are read: of each `needed` role and of each `optional` one there is.

    Roles that are `unread` may be there all the same. Raises `UserError` for a role nobody knows, and where a role
    that is read has another number of features than one.
    """
    known = sorted({*needed, *optional, *unread})
    for role in features:
        if role not in known:
            raise UserError(f"features.{role}: nothing reads this role; known: {', '.join(known)}")
    read = [*needed, *(role for role in optional if role in features)]
    for role in read:
        names = features.get(role, [])
        if len(names) != 1:
            raise UserError(f"features.{role}: expected one feature, not {', '.join(names) or 'none'}")
    return {role: list(features[role]) for role in read}
