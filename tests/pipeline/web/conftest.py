"""A small project, trained and evaluated once, and its page."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from pipeline.web import app
from tests.conftest import build_posts, write_params, write_posts_folder
from tests.stages import run_stages

HOST = "http://127.0.0.1"


@pytest.fixture(scope="session")
def asked(tmp_path_factory):
    """Paths of a trained project of 40 posts by 4 users, liked in the evening; its best system are trees."""
    root = tmp_path_factory.mktemp("page")
    posts = build_posts(40, users=4)
    evening = np.arange(len(posts)) % 3 == 0
    posted = posts["posted_at"].dt.normalize() + pd.to_timedelta(np.where(evening, 18, 6), unit="h")
    posts = posts.assign(posted_at=posted, likes=posts["likes"] * np.where(evening, 8, 1))
    posts.loc[::4, "user_id"] = "<b>eve</b>"
    write_posts_folder(root / "raw", posts=posts)
    trees = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.1}
    read = ["user_time", "category", "image_stats", "tfidf"]
    features = {name: {} for name in read}
    learned = {"seeds": 2, "trees": trees, "intervals": {"method": "constant"}}
    systems = {
        "mean": {"model": "constant", "statistic": "mean"},
        "user_mean": {},
        "trees": {"model": "xgboost", "features": read, **learned},
    }
    paths = write_params(root, features=features, systems=systems)
    run_stages(paths)
    return paths


@pytest.fixture
def mine(asked, tmp_path):
    """A copy of the project that a test may spoil."""
    root = tmp_path / "mine"
    shutil.copytree(asked.root, root)
    return type(asked)(root)


class Browser(TestClient):
    """A client that sends forms as the page's own."""

    def token(self):
        """The token of a form."""
        return re.search(r'name="token" value="([^"]+)"', self.get("/").text).group(1)

    def ask(self, where="/ask", files=None, **fields):
        """Send a form; fields of drafts are `text_0` and the like."""
        data = {re.sub(r"^(\w+)_(\d)$", r"\2.\1", name): value for name, value in fields.items()}
        return self.post(where, data={"token": self.token(), **data}, files=files)


@pytest.fixture
def browser():
    """`browser(paths)`: a client of the page over a project."""
    return lambda paths: Browser(app.make(paths), base_url=HOST, raise_server_exceptions=True)
