"""`python -m mnist_core …`: everything the pages do, without a screen."""

import sys
from io import TextIOWrapper

from mnist_core.cli import main

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, TextIOWrapper):  # Windows would write files in an encoding that has no "→"
        stream.reconfigure(encoding="utf-8")
sys.exit(main())
