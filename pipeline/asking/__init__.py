"""Trained systems asked about posts that are not published yet."""
