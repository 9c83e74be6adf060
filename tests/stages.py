"""The stages, one after another in this process, as `dvc repro` runs them."""

from pipeline import candidates, card, evaluate, features, images, inputs, look, plan, posts, split, train
from pipeline.base import params


def run_stages(paths, *, results=True):
    """Run all stages of the project at `paths` whose params.yaml is there already."""
    for stage in (posts, plan, images, split, candidates):
        stage.main(paths)
    p = params.load(paths.params)
    for name in p.features:
        features.run(paths, p, name)
    inputs.main(paths)
    for name in p.systems:
        train.train(paths, p, name)
    if results:
        look.main(paths)
        evaluate.main(paths)
        card.main(paths)
