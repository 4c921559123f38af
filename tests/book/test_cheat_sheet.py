"""The cheat sheet: one page from the text of the web page, and code that is right."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "_ext"))

from bnbook.cheat_sheet import PAGE, TooLong, markdown, one_page  # noqa: E402

TEXT = (ROOT / f"{PAGE}.md").read_text(encoding="utf8")


def test_it_fits_on_one_page():
    assert one_page(TEXT).startswith(b"%PDF")


def test_a_text_that_is_too_long_says_so():
    with pytest.raises(TooLong, match="shorten it"):
        one_page(TEXT + TEXT.split("## Production")[1] * 9)


def test_what_is_for_the_web_alone_stays_there():
    made = markdown(
        "---\na: b\n---\n\n(label)=\n# T\n\n<a href='x'>PDF</a>\n\nSee [here](../x.md).\n"
    )
    assert made.split() == ["#", "T", "See", "here."]


def test_its_code_agrees_with_pytorch():
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    names = {"np": np}
    exec(code, names)
    rng = np.random.default_rng(0)
    x, dy = 3 + rng.normal(size=(2, 7, 3))
    gamma, beta = rng.normal(size=(2, 3))
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    wanted = torch.nn.functional.batch_norm(tensors[0], None, None, *tensors[1:], training=True)
    wanted.backward(torch.tensor(dy))
    y, cache = names["forward"](x, gamma, beta)
    np.testing.assert_allclose(y, wanted.detach(), rtol=1e-10, atol=1e-12)
    for got, tensor in zip(names["backward"](dy, cache), tensors, strict=True):
        np.testing.assert_allclose(got, tensor.grad, rtol=1e-10, atol=1e-12)
