"""What everything stands on: errors, paths, parameters, targets, where work runs. Imports nothing of the project."""
