"""Trained nets for use outside the lab."""
