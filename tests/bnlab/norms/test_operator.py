"""The operator: PyTorch's values and gradients, one graph, right registrations."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from bnlab.norms.operator import batch_norm, batch_norm_backward_op, batch_norm_op

DISPATCHED = torch._C._dispatch_has_kernel_for_dispatch_key


def inputs(shape=(4, 3, 2, 3), dtype=torch.float64, x_dtype=None):
    torch.manual_seed(0)
    c = shape[1]
    x = (2 + torch.randn(shape, dtype=dtype)).to(x_dtype or dtype)
    return [t.requires_grad_() for t in (x, *torch.randn(2, c, dtype=dtype).unbind())]


def running(c, dtype=torch.float64):
    return torch.zeros(c, dtype=dtype), torch.ones(c, dtype=dtype)


@pytest.fixture
def graphs():
    """What Dynamo hands to the backend; a list of graphs for `counting`."""
    torch._dynamo.reset()
    yield []
    torch._dynamo.reset()


def counting(graphs):
    def backend(graph, examples):
        graphs.append(graph)
        return graph.forward

    return backend


@pytest.mark.parametrize("shape", [(6, 3), (5, 1), (2, 3, 4), (2, 2, 3, 2), (2, 1, 2, 1, 3)])
def test_values_gradients_and_running_statistics_are_pytorchs(shape):
    tensors = inputs(shape)
    upstream = torch.randn(shape).double()
    mine, theirs = running(shape[1]), running(shape[1])
    for _ in range(3):
        y = batch_norm(*tensors, *mine, momentum=0.3, eps=1e-3)
        x, gamma, beta = tensors
        want = F.batch_norm(x, *theirs, gamma, beta, training=True, momentum=0.3, eps=1e-3)
    torch.testing.assert_close((y, *mine), (want, *theirs))
    assert not any(buffer.requires_grad for buffer in mine)
    grads = torch.autograd.grad(y, tensors, upstream)
    torch.testing.assert_close(grads, torch.autograd.grad(want, tensors, upstream))


def test_derivatives_of_every_output():
    def all_three(x, gamma, beta):
        return batch_norm_op(x, gamma, beta, 1e-5)

    assert gradcheck(all_three, inputs((5, 2))) and gradgradcheck(all_three, inputs((5, 2)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types_are_computed_in_float32(dtype):
    x, gamma, beta = inputs(dtype=torch.float32, x_dtype=dtype)
    y, mean, var = batch_norm_op(x, gamma, beta, 1e-5)
    assert (y.dtype, mean.dtype, var.dtype) == (dtype, torch.float32, torch.float32)
    torch.testing.assert_close(mean, x.float().mean((0, 2, 3)))
    want = F.batch_norm(x.float(), None, None, gamma, beta, training=True).to(dtype)
    torch.testing.assert_close(y, want)
    y.sum().backward()
    assert (x.grad.dtype, gamma.grad.dtype) == (dtype, torch.float32)


def channels_last(x):
    return x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("layout", [lambda x: x, channels_last])
def test_registrations_are_right(layout):
    x, gamma, beta = inputs(dtype=torch.float32)
    x = layout(x)
    torch.library.opcheck(batch_norm_op, (x, gamma, beta, 1e-5))
    x, gamma, beta = (t.detach() for t in (x, gamma, beta))
    _, mean, var = batch_norm_op(x, gamma, beta, 1e-5)
    torch.library.opcheck(batch_norm_backward_op, (x + 1, x, gamma, mean, var, 1e-5))


def layer(x, gamma, beta, running_mean, running_var):
    return torch.relu(batch_norm(2 * x, gamma, beta, running_mean, running_var))


def reference(x, gamma, beta, running_mean, running_var):
    return F.relu(F.batch_norm(2 * x, running_mean, running_var, gamma, beta, training=True))


@pytest.mark.parametrize("backend", [counting, lambda graphs: "aot_eager"])
def test_one_graph_forward_and_backward(graphs, backend):
    tensors = inputs(dtype=torch.float32)
    upstream = torch.randn(4, 3, 2, 3)
    compiled = torch.compile(layer, backend=backend(graphs), fullgraph=True)
    mine, theirs = running(3, torch.float32), running(3, torch.float32)
    y, want = compiled(*tensors, *mine), reference(*tensors, *theirs)
    torch.testing.assert_close((y, *mine), (want, *theirs))
    grads = torch.autograd.grad(y, tensors, upstream)
    torch.testing.assert_close(
        grads, torch.autograd.grad(want, tensors, upstream), rtol=1e-4, atol=1e-5
    )
    if graphs:
        assert len(graphs) == 1
        targets = [node.target for node in graphs[0].graph.nodes]
        assert targets.count(torch.ops.bnlab.batch_norm.default) == 1


def test_one_graph_serves_every_batch_size(graphs):
    compiled = torch.compile(layer, backend=counting(graphs), fullgraph=True, dynamic=True)
    for n in (4, 6, 7):  # all sizes of the first differ: equal ones would be taken for one
        tensors = inputs((n, 3, 2, 5), torch.float32)
        mine, theirs = running(3, torch.float32), running(3, torch.float32)
        torch.testing.assert_close(compiled(*tensors, *mine), reference(*tensors, *theirs))
        torch.testing.assert_close(mine, theirs)
    assert len(graphs) == 1


def test_a_gpu_gets_a_kernel_of_its_own():
    for name in ("bnlab::batch_norm", "bnlab::batch_norm_backward"):
        assert DISPATCHED(name, "CUDA") and not DISPATCHED(name, "CPU")


def test_arguments_that_make_no_sense():
    x, gamma, beta = inputs((1, 3))
    with pytest.raises(ValueError, match="one value per channel"):
        batch_norm(x, gamma, beta)
    with pytest.raises(ValueError, match="both running_mean and running_var"):
        batch_norm(*inputs(), running_mean=torch.zeros(3))
