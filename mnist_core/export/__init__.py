"""Trained nets for use outside the lab."""


class ExportError(Exception):
    """A checkpoint that cannot be given away in this format; the message says why and what to do."""
