"""`python -m mnist_core …`: everything the pages do, without a screen."""

import sys

from mnist_core.cli import main

sys.exit(main())
