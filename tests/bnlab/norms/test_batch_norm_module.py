"""The rebuilt BatchNorm against PyTorch's, in every combination of its options."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bnlab.norms.batch_norm import BatchNorm, blend_, normalize_with, statistics

C = 5
# Two batches that differ in size, so that an average over batches is none over samples.
SHAPES = {
    "1d": (nn.BatchNorm1d, [(16, C), (9, C)]),
    "1d, sequences": (nn.BatchNorm1d, [(6, C, 4), (3, C, 7)]),
    "2d": (nn.BatchNorm2d, [(4, C, 3, 5), (C, C, C, C)]),
    "3d": (nn.BatchNorm3d, [(3, C, 2, 3, 2), (2, C, 4, 1, 3)]),
}
AFFINE = {"affine": {}, "not affine": {"affine": False}, "no bias": {"bias": False}}
HALF, SINGLE, DOUBLE = torch.bfloat16, torch.float32, torch.float64
# dtype of x, dtype of the module, errors that pass, in machine epsilons of the compared tensor.
# Full precision: the two sum in other orders; 5.8 is the most that ten seeds showed. A bfloat16
# module: PyTorch rounds mean and 1/σ to bfloat16 before it uses them, we do not; 2.7. bfloat16 in
# a float32 module: nearly the same float32 result, rounded once, to neighbours at worst.
FULL = 16
DTYPES = {
    "float32": (SINGLE, SINGLE, FULL),
    "float64": (DOUBLE, DOUBLE, FULL),
    "bfloat16": (HALF, HALF, 4),
    "bfloat16 in float32": (HALF, SINGLE, 1),
}


def pair(kind, dtype=SINGLE, **options):
    """PyTorch's module and ours with the same random parameters; the state goes over strictly."""
    theirs, ours = SHAPES[kind][0](C, dtype=dtype, **options), BatchNorm(C, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.rand(C) + 0.5)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def draw(shape, dtype):
    return (2 * torch.randn(shape) + 1).to(dtype)


def assert_close(name, got, want, roundings, size=None):
    """`got` has the dtype of `want` and differs by so many epsilons of `size`, the largest value."""
    assert got.dtype == want.dtype and got.shape == want.shape, name
    if not want.dtype.is_floating_point:
        assert torch.equal(got, want), name
        return
    # A float32 number that came from bfloat16 values is as exact as float32 allows.
    roundings = roundings if want.dtype == HALF else FULL
    size = want.abs().max().item() if size is None else size
    error = (got.double() - want.double()).abs().max().item()
    assert error <= roundings * torch.finfo(want.dtype).eps * size, (name, error / size)


def assert_same_state(ours, theirs, roundings):
    got, want = ours.state_dict(), theirs.state_dict()
    assert list(got) == list(want) and got._metadata == want._metadata
    for name in want:
        assert_close(name, got[name], want[name], roundings)
    assert not any(t.requires_grad or t.grad_fn for t in ours.buffers())


def step(module, x, dy):
    """Output and gradients of one pass; x and dy are not changed."""
    x = x.clone().requires_grad_()
    module.zero_grad()
    y = module(x)
    (y * dy).sum().backward()
    grads = {f"d{name}": p.grad for name, p in module.named_parameters()}
    return {"y": y.detach(), "dx": x.grad} | grads


def sizes(x, dy):
    """What errors are measured against where an output can vanish by cancellation."""
    others = [axis for axis in range(x.ndim) if axis != 1]
    total = dy.double().abs().sum(others).max().item()
    dx = 1.5 * dy.abs().max().item() / x.double().std(others, correction=0).min().item()
    return {"dx": dx, "dweight": total, "dbias": total}


@pytest.mark.parametrize("momentum", [0.1, 0.3, None])
@pytest.mark.parametrize("tracked", [True, False], ids=["tracked", "not tracked"])
@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("dtypes", DTYPES)
def test_training_then_eval(dtypes, kind, affine, tracked, momentum):
    torch.manual_seed(0)
    dtype, own, roundings = DTYPES[dtypes]
    options = dict(momentum=momentum, track_running_stats=tracked, **AFFINE[affine])
    theirs, ours = pair(kind, own, **options)
    optimisers = [
        torch.optim.SGD(m.parameters(), lr=0.01) for m in (theirs, ours) if [*m.parameters()]
    ]
    modes = ["train", "train", "train", "train", "eval", "eval"]
    for k, mode in enumerate(modes):
        x = draw(SHAPES[kind][1][k % 2], dtype)
        dy = torch.randn(x.shape).to(dtype)
        want, got = (step(getattr(m, mode)(), x, dy) for m in (theirs, ours))
        assert want.keys() == got.keys()
        for name in want:
            size = sizes(x, dy).get(name)
            assert_close(f"{mode}: {name}", got[name], want[name], roundings, size)
        for optimiser in optimisers:
            optimiser.step()
        assert_same_state(ours, theirs, roundings)
    assert repr(ours).partition("(")[2] == repr(theirs).partition("(")[2]


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("kind", SHAPES)
def test_state_goes_both_ways(kind, options):
    torch.manual_seed(1)
    theirs, ours = pair(kind, **options)
    for shape in SHAPES[kind][1]:
        ours(draw(shape, SINGLE))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    fresh = BatchNorm(C, **options)
    fresh.load_state_dict(theirs.state_dict(), strict=True)
    x = draw(SHAPES[kind][1][0], SINGLE)
    assert torch.equal(fresh.eval()(x), ours.eval()(x))
    assert_close("y", fresh(x), theirs.eval()(x), FULL)


def test_state_with_other_entries_is_refused_as_by_pytorch():
    for module in (BatchNorm(C), nn.BatchNorm1d(C)):
        with pytest.raises(RuntimeError, match="running_mean"):
            module.load_state_dict(BatchNorm(C, track_running_stats=False).state_dict())
        with pytest.raises(RuntimeError, match=r"Unexpected.*bias"):
            BatchNorm(C, bias=False).load_state_dict(module.state_dict())


@pytest.mark.parametrize("make", [BatchNorm, nn.BatchNorm1d])
def test_state_without_a_counter(make):
    """Without a version it is old and loads; the counter stays. Of version 2 it is incomplete."""
    torch.manual_seed(2)
    new = make(C).state_dict()
    old = {k: v + 1 for k, v in new.items() if k != "num_batches_tracked"}
    module = make(C, momentum=None)
    module(torch.randn(8, C))
    module.load_state_dict(old, strict=True)
    assert module.num_batches_tracked == 1 and torch.equal(module.running_mean, torch.ones(C))
    assert "num_batches_tracked" not in old
    # The counter of a fresh module is 0: with momentum=None one batch replaces what was loaded.
    fresh = make(C, momentum=None)
    fresh.load_state_dict(old)
    x = torch.randn(8, C)
    fresh(x)
    assert torch.allclose(fresh.running_mean, x.mean(0), atol=1e-6)

    del new["num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r"Missing.*num_batches_tracked"):
        make(C).load_state_dict(new)


@pytest.mark.parametrize("make", [BatchNorm, nn.BatchNorm1d])
def test_an_old_state_fills_a_module_without_memory(make):
    old = {k: v for k, v in make(C).state_dict().items() if k != "num_batches_tracked"}
    module = make(C, device="meta")
    module.load_state_dict(old, strict=True, assign=True)
    assert not any(t.is_meta for t in module.state_dict().values())
    module(torch.randn(8, C))
    assert module.num_batches_tracked == 1


@pytest.mark.parametrize("shape", [(1, C), (1, C, 1), (1, C, 1, 1), (1, C, 1, 1, 1)])
def test_one_value_per_channel_is_refused(shape):
    dims = {2: 1, 3: 1, 4: 2, 5: 3}[len(shape)]
    theirs, ours = getattr(nn, f"BatchNorm{dims}d")(C), BatchNorm(C)
    with pytest.raises(ValueError) as their_error:
        theirs(torch.ones(shape))
    before = copy.deepcopy(ours.state_dict())
    with pytest.raises(their_error.type, match=r"1 value\(s\) per channel"):
        ours(torch.ones(shape))
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name])
    assert theirs.num_batches_tracked == 1  # PyTorch counts what it refuses
    assert torch.equal(ours.eval()(torch.ones(shape)), theirs.eval()(torch.ones(shape)))
    with pytest.raises(ValueError, match="per channel"):
        BatchNorm(C, track_running_stats=False).eval()(torch.ones(shape))


def test_one_sample_with_several_positions_is_enough():
    torch.manual_seed(3)
    theirs, ours = pair("2d")
    x = torch.randn(1, C, 1, 2)
    assert_close("y", ours(x), theirs(x), FULL)
    assert_same_state(ours, theirs, FULL)


LAYOUTS = {
    "transposed": lambda n, c, h, w: torch.randn(c, n, h, w).transpose(0, 1),
    "reversed": lambda n, c, h, w: torch.randn(w, h, c, n).permute(3, 2, 1, 0),
    "every other": lambda n, c, h, w: torch.randn(2 * n, 2 * c, h, 2 * w)[::2, ::2, :, ::2],
    "channels last": lambda *shape: torch.randn(shape).to(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_of_x(layout, training):
    torch.manual_seed(10)
    x = LAYOUTS[layout](4, C, 3, 2)
    theirs, ours = (m.train(training) for m in pair("2d"))
    dy = torch.randn(x.shape)
    want, got = step(theirs, x, dy), step(ours, x, dy)
    for name in want:
        assert_close(name, got[name], want[name], FULL, sizes(x, dy).get(name))
    assert_same_state(ours, theirs, FULL)
    # The docstring: PyTorch copies a transposed x into the usual order, we leave its strides.
    kept = layout in ("every other", "channels last")
    assert (ours(x).stride() == theirs(x).stride()) == kept
    if kept:
        last = torch.channels_last
        assert ours(x).is_contiguous(memory_format=last) == (layout == "channels last")


@pytest.mark.parametrize("shape", [(0, C), (2, C, 0), (0, C, 2, 2)])
def test_an_empty_batch_is_refused_where_its_statistics_are_needed(shape):
    theirs = nn.BatchNorm2d(C) if len(shape) == 4 else nn.BatchNorm1d(C)
    assert theirs(torch.ones(shape)).shape == shape and theirs.num_batches_tracked == 1
    ours = BatchNorm(C)
    with pytest.raises(ValueError, match=r"0 value\(s\) per channel"):
        ours(torch.ones(shape))
    assert ours.num_batches_tracked == 0
    assert ours.eval()(torch.ones(shape)).shape == shape


def test_an_infinity_leaves_nan_where_pytorch_leaves_infinity():
    x = torch.ones(4, 1)
    x[0] = torch.inf
    theirs, ours = nn.BatchNorm1d(1), BatchNorm(1)
    assert theirs(x).isnan().any() and ours(x).isnan().any()
    assert theirs.running_mean.isinf() and ours.running_mean.isnan()
    assert theirs.running_var.isnan() and ours.running_var.isnan()


@pytest.mark.parametrize("eps, training", [(0.0, True), (-1.0, True), (-1.0, False)])
def test_eps_that_is_refused(eps, training):
    for make in (nn.BatchNorm1d, BatchNorm):
        with pytest.raises(ValueError, match="eps"):
            make(C, eps=eps).train(training)(torch.randn(4, C))
    assert torch.isfinite(BatchNorm(C, eps=0.0).eval()(torch.randn(4, C))).all()


@pytest.mark.parametrize("shape", [(4,), (4, C + 1), (C, 4)])
def test_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=rf"expected \(N, {C}\)"):
        BatchNorm(C)(torch.randn(shape))


DTYPES_OF_X = [torch.float16, HALF, SINGLE, DOUBLE, torch.int64]


@pytest.mark.parametrize("own", [torch.float16, HALF, SINGLE, DOUBLE])
@pytest.mark.parametrize("dtype", DTYPES_OF_X)
def test_the_dtypes_that_pytorch_takes(dtype, own):
    x = torch.randn(6, C).mul(3).to(dtype)
    theirs, ours = pair("1d", own)
    try:
        want = theirs(x)
    except (RuntimeError, NotImplementedError):
        with pytest.raises(TypeError, match=rf"x is {dtype} and this module takes {own}"):
            ours(x)
    else:
        assert ours(x).dtype == want.dtype


def test_a_module_without_state_takes_any_floating_dtype():
    module = BatchNorm(C, affine=False, track_running_stats=False)
    assert all(module(torch.randn(6, C).to(d)).dtype == d for d in DTYPES_OF_X[:4])
    with pytest.raises(TypeError, match="takes floating-point numbers"):
        module(torch.ones(6, C, dtype=torch.int64))


def test_half_precision_is_rounded_once():
    """Half an epsilon is one rounding. PyTorch's bfloat16 module makes larger errors."""
    torch.manual_seed(4)
    x = (torch.randn(64, C) + 8).to(HALF)
    want = F.batch_norm(x.double(), None, None, training=True)
    largest = torch.finfo(HALF).eps * want.abs().max()
    errors = [
        (m.to(HALF)(x) - want).abs().max() / largest for m in (BatchNorm(C), nn.BatchNorm1d(C))
    ]
    assert errors[0] <= 0.501 and errors[1] > 1


def test_a_bfloat16_running_mean_stops_where_pytorchs_stops():
    x = torch.tensor([[99.0], [101.0]]).to(HALF)
    modules = BatchNorm(1).to(HALF), nn.BatchNorm1d(1).to(HALF)
    for _ in range(80):
        for module in modules:
            module(x)
    assert [m.running_mean.item() for m in modules] == [96, 96]


def test_large_offset():
    """The batch is centred before it is squared."""
    torch.manual_seed(5)
    x = torch.randn(256, C) + 1000
    mean, var = statistics(x)
    want = x.double()
    assert torch.allclose(mean.double(), want.mean(0), rtol=1e-6)
    assert torch.allclose(var.double(), want.var(0, correction=0), rtol=1e-4)


def test_buffers_move_in_place_and_keep_no_graph():
    module = BatchNorm(C)
    objects, memory = dict(module.named_buffers()), module.state_dict()  # aliases, no copies
    x = torch.randn(8, C, requires_grad=True)
    for _ in range(3):
        module(2 * x)
    for name, buffer in module.named_buffers():
        assert objects[name] is buffer and torch.equal(memory[name], buffer)
        assert not buffer.requires_grad
    assert module.num_batches_tracked == 3 and module.running_mean.abs().min() > 0


def test_the_mode_decides_and_not_whether_gradients_are_recorded():
    torch.manual_seed(6)
    module, x = BatchNorm(C), torch.randn(8, C) + 3
    with torch.inference_mode():
        y = module(x)
    assert y.mean().abs() < 1e-6 and module.num_batches_tracked == 1
    before, state = module.eval()(x.requires_grad_()), copy.deepcopy(module.state_dict())
    before.sum().backward()
    assert torch.allclose(x.grad, torch.rsqrt(module.running_var + module.eps).expand_as(x))
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_derivatives(training):
    torch.manual_seed(7)
    module = BatchNorm(3, dtype=DOUBLE).train(training)
    x = torch.randn(4, 3, 2, dtype=DOUBLE, requires_grad=True)
    weight, bias = (torch.randn(3, dtype=DOUBLE, requires_grad=True) for _ in range(2))

    def call(x, weight, bias):
        return torch.func.functional_call(module, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, (x, weight, bias))
    assert torch.autograd.gradgradcheck(call, (x, weight, bias))


@pytest.mark.parametrize("built, then", [(True, False), (False, True)])
def test_tracking_switched_after_construction(built, then):
    torch.manual_seed(8)
    theirs, ours = pair("1d", track_running_stats=built)
    for module in (theirs, ours):
        module.track_running_stats = then
    x = torch.randn(8, C) + 3
    assert_close("y", ours(x), theirs(x), FULL)
    assert_same_state(ours, theirs, FULL)
    assert_close("y in eval", ours.eval()(x), theirs.eval()(x), FULL)


def test_copies_are_whole_and_their_own():
    module = BatchNorm(C)
    module(torch.randn(8, C))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        before = {k: v.clone() for k, v in twin.state_dict().items()}
        assert_same_state(twin, module, 0)
        module(torch.randn(8, C))
        assert all(torch.equal(v, before[k]) for k, v in twin.state_dict().items())
        module.load_state_dict(before)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_the_compiler_keeps_it_whole(momentum):
    torch.manual_seed(11)
    module = BatchNorm(C, momentum=momentum)
    plain = copy.deepcopy(module)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    for mode in (True, True, False):
        module.train(mode), plain.train(mode)
        x, dy = torch.randn(2, 8, C)
        want, got = step(plain, x, dy), step(compiled, x, dy)
        for name, a in zip(want, got.values(), strict=True):
            assert_close(name, a, want[name], FULL)
        assert_same_state(module, plain, FULL)


def test_reset_forgets_the_batches_and_keeps_the_parameters():
    module = BatchNorm(C, momentum=None)
    module(torch.randn(8, C))
    with torch.no_grad():
        module.weight.fill_(2)
    module.reset_running_stats()
    assert module.num_batches_tracked == 0 and module.weight[0] == 2
    assert torch.equal(module.running_mean, torch.zeros(C))
    assert torch.equal(module.running_var, torch.ones(C))
    BatchNorm(C, track_running_stats=False).reset_running_stats()


def test_it_calls_no_normaliser_of_pytorch(monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("PyTorch's own batch norm was called")

    for owner, name in ((F, "batch_norm"), (torch, "batch_norm"), (torch, "native_batch_norm")):
        monkeypatch.setattr(owner, name, forbidden)
    BatchNorm(C)(torch.randn(8, C))
    with pytest.raises(AssertionError, match="was called"):
        nn.BatchNorm1d(C)(torch.randn(8, C))


def test_the_functions_alone():
    torch.manual_seed(9)
    x = torch.randn(6, C, 3)
    want = F.batch_norm(x, None, None, training=True)
    assert_close("y", normalize_with(x, *statistics(x)), want, FULL)
    running = torch.zeros(C)
    blend_(running, torch.ones(C), 0.25)
    blend_(running, torch.ones(C), 0.25)
    assert torch.equal(running, torch.full((C,), 0.4375))
