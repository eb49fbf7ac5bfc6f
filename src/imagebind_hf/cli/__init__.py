# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""The command line, `imagebind-hf`: one file for each group of commands.

Commands parse and check arguments, then call the library. Importing this package imports neither torch nor
transformers, so that wrong usage is reported at once.

Exit codes of every command: 0 if it succeeded; 1 if it failed or produced nothing; 2 for wrong usage.
"""

from .main import app

__all__ = ["app"]
