# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest

from imagebind_hf.utils.names import nearest_name
from imagebind_hf.utils.schema import check_keys


def test_hints():
    assert nearest_name("audoi", ["audio", "image"]) == "Did you mean 'audio'?"
    assert nearest_name("smell", iter(["audio", "image"])) == "Choose from ['audio', 'image']."
    with pytest.raises(ValueError, match=r"here: unknown key 'audoi'. Did you mean 'audio'\?"):
        check_keys(["image", "audoi"], ["audio", "image"], "here")
