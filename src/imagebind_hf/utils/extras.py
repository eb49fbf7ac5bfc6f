# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
"""Optional dependencies."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Import optional packages within this context; if one is missing, the error names the extra to install.

    Args:
        extra: Name of the extra.

    Raises:
        ImportError: If an import fails.

    Example:
        >>> with needs_extra("search"):
        ...     import a_missing_package
        Traceback (most recent call last):
        ImportError: No module named 'a_missing_package'. Install it with `pip install imagebind-hf[search]`.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{error}. Install it with `pip install imagebind-hf[{extra}]`.") from error
