"""What people read: leaderboard, tables, notes, curves, plots."""
