"""Small encoders of texts with random weights, in folders as the hub has them."""

from pathlib import Path

import torch
import transformers

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789äöüß☀湖の朝"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
COMMON = {"vocab_size": len(WORDS), "max_position_embeddings": 64}
CONFIGS = {
    "bert": lambda: transformers.BertConfig(
        **COMMON, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    ),
    "distilbert": lambda: transformers.DistilBertConfig(**COMMON, dim=16, n_layers=2, n_heads=2, hidden_dim=32),
    "roberta": lambda: transformers.RobertaConfig(
        **COMMON, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, pad_token_id=0
    ),
}


def write(folder: Path, kind: str = "bert", seed: int = 0, *, masked: bool = False) -> Path:
    """A folder with description, weights and tokenizer; `masked` as trained to guess words, without a pooler."""
    transformers.utils.logging.disable_progress_bar()
    config = CONFIGS[kind]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = (transformers.AutoModelForMaskedLM if masked else transformers.AutoModel).from_config(config)
        for parameter in network.parameters():
            if parameter.ndim > 1:  # livelier than new ones, so that texts differ
                torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab={w: i for i, w in enumerate(WORDS)}, model_max_length=60).save_pretrained(
        folder
    )
    return folder
