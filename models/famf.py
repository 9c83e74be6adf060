"""Matrix factorisation with the BPR criterion, which is what the paper of `amnl` calls FAMF.

That paper takes its FAMF from a "Bayesian" BPR; the feature-aware factorisation of that name is Chen et al.'s, which
`citing` extends. So this is BPR: Rendle, Freudenthaler, Gantner and Schmidt-Thieme (UAI 2009). The bias of posts
is theirs in later work and in all libraries; where the others in a list were seen like the shared one, it is much of
what there is to know.
"""

from models.parts import bpr
from models.parts.descent import Descent, check_stopping
from models.parts.draws import DRAWS, Negatives, touched
from models.parts.factors import Factored
from pipeline.base.ranges import Count, NotNegative, Width
from pipeline.storage.feed import Feed


class FAMF(Factored):
    """BPR: a vector a user and a post, and a bias a post."""

    def __init__(
        self,
        *,
        factors: Width = 16,
        item_bias: bool = True,
        penalty: NotNegative = 0.01,
        negatives: Negatives = "catalogue",
        batch_size: Count = 1024,
        descent: Descent = Descent(),
        seed: int = 0,
    ):
        """BPR by steps over drawn triples.

        Args:
            factors: numbers of a vector.
            item_bias: whether a post has a bias, what it is worth to everybody.
            penalty: on the squares of what a triple reads.
            negatives: posts not shared are drawn from all posts known when training ended, or from the lists.
            batch_size: triples a step.
            descent: how it learns.
            seed: of first vectors and triples.
        """
        self._negatives: Negatives = negatives
        self._options = {"factors": factors, "item_bias": item_bias, "penalty": penalty, "batch_size": batch_size}
        self._options |= {"descent": descent, "seed": seed}
        self._descent = descent

    def fit(self, train: Feed, validation: Feed) -> None:
        check_stopping(self._descent, validation)
        draw, posts = DRAWS[self._negatives](train), touched(train, self._negatives)
        self._users, self._posts, self._course = bpr.fit(train, validation, lambda _: draw, posts, **self._options)

    def chosen(self) -> dict[str, str]:
        return {"method": f"BPR with{'' if self._options['item_bias'] else 'out'} a bias of posts"}
