"""Where trained systems looked: which posts to show, and the pictures."""
