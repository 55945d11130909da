"""Runs: the run folder (store), who is alive and who waits (locks), the worker, its launch, checkpoints."""
