"""HisAve of the UHAN paper: historical mean popularity, over all users or the user's own."""

from typing import Literal

from models.base import Composed, System
from models.constant import Constant
from models.user_mean import UserMean


class HisAve(Composed):
    """Mean of the training part. Source: Zhang et al., UHAN, 4.1.3, "historical average popularity"."""

    def __init__(self, *, by: Literal["global", "user"] = "global"):
        """`by`: one mean for all posts, or each user's own, and that of all for users not seen before."""
        self._model: System = UserMean() if by == "user" else Constant(statistic="mean")
        self.columns = self._model.columns
