"""Files on disk: tables, features, caches, packs of pictures, and what systems are fed from them."""
