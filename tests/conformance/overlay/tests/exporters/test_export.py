"""Stand-in for tests/exporters/test_export.py, which the sdist does not contain: one `torch.export` check."""

import copy

import torch
from transformers import set_seed
from transformers.testing_utils import set_config_for_less_flaky_test, set_model_for_less_flaky_test


class ExportTesterMixin:
    def test_torch_export(self, atol=1e-4, rtol=1e-4):
        if not self.test_torch_exportable:
            self.skipTest(reason="`test_torch_exportable` is False")
        from transformers.exporters.exporter_dynamo import DynamoConfig, DynamoExporter

        for model_class in self.all_model_classes:
            with self.subTest(model_class.__name__):
                set_seed(42)
                config, inputs_dict = self.model_tester.prepare_config_and_inputs_for_common()
                set_config_for_less_flaky_test(config)
                inputs = self._prepare_for_class(inputs_dict, model_class)
                inputs = {k: v for k, v in inputs.items() if v is not None and k not in ("return_loss", "labels")}
                model = model_class(copy.deepcopy(config)).eval()
                set_model_for_less_flaky_test(model)
                with torch.no_grad():
                    eager = model(**copy.deepcopy(inputs))
                    exported = DynamoExporter().export(model, copy.deepcopy(inputs), DynamoConfig(dynamic=False))
                    # 5.23 wraps the `ExportedProgram` in an `ExportedModel`
                    program = getattr(exported, "program", exported)
                    exported = program.module()(**copy.deepcopy(inputs))

                def leaves(x):
                    return [t for t in torch.utils._pytree.tree_leaves(x) if isinstance(t, torch.Tensor)]

                for a, b in zip(leaves(dict(eager)), leaves(exported), strict=True):
                    torch.testing.assert_close(a, b, atol=atol, rtol=rtol)
