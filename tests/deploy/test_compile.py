# Copyright 2026 The imagebind-hf authors.
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from conftest import make_config, make_inputs
from imagebind_hf import ImageBindModel, compile_towers


@pytest.mark.slow
@torch.no_grad()
def test_compiled_towers_compute_the_same(model, monkeypatch):
    # Each tower is compiled twice, for one item and for any number. A limit shared by all towers would be exceeded.
    monkeypatch.setattr("torch._dynamo.config.fail_on_recompile_limit_hit", True)
    sizes = (1, 3)
    expected = {size: model(**make_inputs(size)) for size in sizes}
    names = list(model.state_dict())
    assert compile_towers(model) is model and list(model.state_dict()) == names
    for size in sizes:
        output = model(**make_inputs(size))
        for name in output:
            torch.testing.assert_close(output[name], expected[size][name], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@torch.no_grad()
def test_options_and_hidden_states():
    torch.manual_seed(0)
    model, values = ImageBindModel(make_config(modalities=["imu"])).eval(), make_inputs()["imu_values"]
    expected = model.get_imu_features(values)
    output = compile_towers(model, freeze=True).get_imu_features(values)
    torch.testing.assert_close(output.pooler_output, expected.pooler_output, atol=1e-5, rtol=0)
    torch.testing.assert_close(output.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_sizes_of_one_tower_stay_fixed_while_others_vary(model):
    varies = []

    def backend(graph, inputs):
        varies.append(any(isinstance(each, torch.SymInt) for each in inputs))
        return graph

    compile_towers(model, backend=backend)
    for name, size in (("pixel_values_depth", 2), ("pixel_values_thermal", 3), ("imu_values", 4)):
        model(**{name: make_inputs(size)[name]})
    assert varies == [False] * 3
    for size in (4, 5):
        model(pixel_values_depth=make_inputs(size)["pixel_values_depth"])
    assert varies == [False] * 3 + [True]


def test_bad_input(model):
    with pytest.raises(ValueError, match="Expected an ImageBindModel, but got a Linear"):
        compile_towers(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="already compiled"):
        compile_towers(compile_towers(model))
