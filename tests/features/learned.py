"""Posts about two things that share no word, for features that learn words."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd

SEA, CODE = ["sea", "boat", "fish", "wave", "sail"], ["code", "test", "bug", "class", "loop"]


def posts(n=120, seed=0):
    """Every other one of the sea, each six words."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"text": [" ".join(rng.choice(SEA if i % 2 else CODE, 6)) for i in range(n)]})


def of(*words):
    """A post a word."""
    return pd.DataFrame({"text": list(words)})


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def elsewhere(name, arguments):
    """Hash of what a feature learns of these posts in a process of its own, where Python hashes otherwise."""
    script = f"""
import hashlib, json
from features.base import feature_class
from tests.features import learned
feature = feature_class({name!r})(**{arguments!r})
feature.fit(learned.posts())
print(hashlib.sha256(json.dumps(feature.state(), sort_keys=True).encode()).hexdigest())
"""
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.split()[-1]
