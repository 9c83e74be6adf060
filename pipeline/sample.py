"""Draw the embedded dataset: `python -m pipeline.sample data/sample` makes the folder, the reader `sample` reads it."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.base.errors import CommandLine, UserError, run_stage
from pipeline.readers.parts.drawn import words
from pipeline.readers.parts.drawn.pictures import draw
from pipeline.readers.parts.drawn.world import World, simulate
from pipeline.storage import store

log = logging.getLogger(__name__)

_QUALITY = 88


def main() -> None:
    """Make the sample that the command line asks for."""
    parser = CommandLine(prog="python -m pipeline.sample", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write it; an earlier sample there is replaced")
    parser.add_argument("--posts", type=int, default=900, help="how many posts")
    parser.add_argument("--users", type=int, default=80, help="how many users")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    arguments = parser.parse_args()
    write(arguments.folder, posts=arguments.posts, users=arguments.users, seed=arguments.seed)


def write(folder: Path, *, posts: int, users: int, seed: int) -> None:
    """Make a sample in `folder`, whole or not at all. Raises `UserError` where other files lie there."""
    if posts < 1 or users < 1 or seed < 0:
        raise UserError(f"--posts {posts} --users {users} --seed {seed}: expected at least 1 post, 1 user, seed 0")
    if folder.exists() and not (folder / "posts.jsonl").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: not empty and no sample; choose another folder")
    new = store.empty(folder.with_name(f".{folder.name}.new"))
    (new / "images").mkdir()
    world = simulate(posts=posts, users=users, seed=seed)
    _write_images(new, world, seed)
    _write_tables(new, world)
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)
    log.info("%s: %d posts of %d users, %d interactions", folder, posts, users, len(world.interactions))


def _write_images(folder: Path, world: World, seed: int) -> None:
    for i, row in enumerate(tqdm(world.look.itertuples(), total=len(world.look), desc="draw", disable=None)):
        look = {"concept": row.concept, "prop": words.PROPS[row.prop]}
        levels = {name: getattr(row, name) for name in ("brightness", "colourfulness", "offset")}
        picture = draw(np.random.default_rng([seed, 9, i]), **look, **levels)
        picture.save(folder / world.posts["image"][i], quality=_QUALITY)


def _write_tables(folder: Path, world: World) -> None:
    world.follows.to_csv(folder / "follows.csv", index=False, lineterminator="\n")
    world.interactions.to_csv(folder / "interactions.csv", index=False, lineterminator="\n")
    world.comments.to_csv(folder / "comments.csv", index=False, lineterminator="\n")
    with (folder / "posts.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for record in world.posts.to_dict("records"):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run_stage(main)
