"""Every path of the project, each written once (dvc.yaml names the same ones)."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files of one project folder; `root` is where params.yaml lies."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        """What to run."""
        return self.root / "params.yaml"

    @property
    def posts(self) -> Path:
        """A row a post."""
        return self.root / "data/posts.parquet"

    @property
    def interactions(self) -> Path:
        """Who retweeted or liked what, and when; zero rows where a dataset has none."""
        return self.root / "data/interactions.parquet"

    @property
    def follows(self) -> Path:
        """Who follows whom; zero rows where a dataset has none."""
        return self.root / "data/follows.parquet"

    @property
    def comments(self) -> Path:
        """Who wrote what under which post, and when; zero rows where a dataset has none."""
        return self.root / "data/comments.parquet"

    @property
    def audit(self) -> Path:
        """Rows read, kept and dropped, by reason."""
        return self.root / "data/audit.json"

    @property
    def images(self) -> Path:
        """Folder of packed images and their index."""
        return self.root / "data/images"

    @property
    def splits(self) -> Path:
        """The part of each post."""
        return self.root / "data/splits.parquet"

    @property
    def candidates(self) -> Path:
        """Lists of posts that users saw, one of each shared; zero rows where nothing ranks."""
        return self.root / "data/candidates.parquet"

    @property
    def shares(self) -> Path:
        """Who shared what first when, and the part; zero rows where nothing ranks."""
        return self.root / "data/shares.parquet"

    @property
    def drawn(self) -> Path:
        """What was left out of the lists, by reason."""
        return self.root / "data/candidates.json"

    @property
    def cache(self) -> Path:
        """Content-addressed cache of extracted values; outlives DVC's outputs."""
        return self.root / "data/cache"

    @property
    def locks(self) -> Path:
        """Which stages run."""
        return self.cache / "locks"

    @property
    def live(self) -> Path:
        """Folder of the losses of the training that runs, in an experiment of DVC."""
        return self.root / "data/live"

    def times(self, system: str) -> Path:
        """How long the last training of one system took here; no output of DVC's, for it is never the same twice."""
        return self.root / "data/times" / f"{system}.csv"

    @property
    def results(self) -> Path:
        """Small files people read."""
        return self.root / "results"

    def code(self, kind: str, name: str) -> Path:
        """Hashes of the modules behind one stage, reader, feature or system; `kind` is the plural."""
        return self.root / "data/code" / kind / f"{name}.json"

    def attention(self, system: str) -> Path:
        """Where one system looked in test posts; there for systems that look."""
        return self.root / "data/attention" / f"{system}.parquet"

    def reasons(self, system: str) -> Path:
        """Why one system predicts what it does of test posts; there for systems that read anything of them."""
        return self.root / "data/reasons" / f"{system}.parquet"

    def feature(self, name: str) -> Path:
        """Values of one feature, a row a post in the order of posts.parquet."""
        return self.root / "data/features" / f"{name}.arrow"

    def vectors(self, name: str, encoder: str) -> Path:
        """What an encoder says of the posts before a post; there for a feature in the folder of an exported system."""
        return self.root / "data/vectors" / name / f"{encoder}.arrow"

    def plan(self, kind: str, name: str) -> Path:
        """What can run on this dataset; `kind` is `features` or `systems`."""
        return self.root / "data/plan" / kind / f"{name}.json"

    @property
    def entries(self) -> Path:
        """The names of all entries of params.yaml, in their order there."""
        return self.root / "data/plan/entries.json"

    def files(self, kind: str, name: str) -> Path:
        """Folder of links to the files that an entry names; `kind` is `features` or `systems`."""
        return self.root / "data/files" / kind / name

    def inputs(self, system: str) -> Path:
        """Hashes of exactly what one system reads."""
        return self.root / "data/inputs" / f"{system}.json"

    def model(self, system: str) -> Path:
        """Folder of a trained system."""
        return self.root / "data/models" / system

    def predictions(self, system: str) -> Path:
        """Predictions of one system on validation and test."""
        return self.root / "data/predictions" / f"{system}.parquet"


@dataclass(frozen=True)
class Elsewhere(Paths):
    """The same files to read, and another folder for what `train` writes: of processes whose results are not kept."""

    folder: Path = Path()

    @property
    def cache(self) -> Path:
        """States of trainings."""
        return self.folder / "cache"

    @property
    def live(self) -> Path:
        """Losses of the training that runs."""
        return self.folder / "live"

    def times(self, system: str) -> Path:
        """How long the training took."""
        return self.folder / "times" / f"{system}.csv"

    def model(self, system: str) -> Path:
        """Folder of a trained system."""
        return self.folder / "models" / system

    def predictions(self, system: str) -> Path:
        """Predictions of one system."""
        return self.folder / "predictions" / f"{system}.parquet"
