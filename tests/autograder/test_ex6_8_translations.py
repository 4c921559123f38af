"""The short cut of exercise 6.8's exports: no trace of one in the next, and no need for it."""

import types

import pytest
import torch

from autograder.specs.ex6_8 import translations
from autograder.specs.ex6_8.answers import export
from autograder.specs.ex6_8.models import made
from autograder.specs.ex6_8.runs import exported


def registry():
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    return ONNXRegistry


def test_what_one_export_adds_is_not_in_the_next():
    relu = torch.ops.aten.relu.default
    with translations.one_table():
        first, second = registry().from_torchlib(), registry().from_torchlib()
        first.register_op(relu, lambda x: x)
        third = registry().from_torchlib()
    assert len(first.get_decomps(relu)) == len(second.get_decomps(relu)) + 1
    assert len(third.get_decomps(relu)) == len(second.get_decomps(relu)) > 0


def test_the_table_is_made_once_and_the_class_put_back():
    before = registry().__dict__["from_torchlib"]
    with translations.one_table():
        one, other = registry().from_torchlib(), registry().from_torchlib()
        assert one is not other
        relu = torch.ops.aten.relu.default
        assert one.get_decomps(relu)[0] is other.get_decomps(relu)[0]
    assert registry().__dict__["from_torchlib"] is before


@pytest.mark.parametrize("name", ["MODULE", "CLASS", "MAKER"])
def test_without_the_private_name_exports_work_as_they_are(monkeypatch, name):
    before = registry().__dict__["from_torchlib"]
    monkeypatch.setattr(translations, name, "torch.not_there" if name == "MODULE" else "not_there")
    with translations.one_table():
        assert registry().__dict__["from_torchlib"] is before


def test_an_export_without_the_short_cut_gives_the_same_file(monkeypatch):
    monkeypatch.setattr(translations, "CLASS", "not_there")
    model, x = made("rows", "eval", 3), torch.randn(4, 4).numpy()
    outputs = exported(export, model, x, [x[:2]])
    torch.testing.assert_close(
        torch.from_numpy(outputs["y of the file, batch of 2"]), model(torch.from_numpy(x[:2])).data
    )


@pytest.mark.parametrize("options", [{}, dict(opset_version=[18])], ids=["other look", "no key"])
def test_a_table_that_looks_otherwise_is_made_each_time(options):
    seen = []

    def make(**given):
        seen.append(given)
        return types.SimpleNamespace(number=len(seen))

    first, second = (translations._own_copy(make, **options) for _ in range(2))
    assert first.number < second.number
