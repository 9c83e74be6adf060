"""What `make bench` runs: each module measures something of ours beside its limit, in the same run."""
