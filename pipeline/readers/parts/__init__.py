"""What readers share: cleaning, counting, and the pieces of formats."""
