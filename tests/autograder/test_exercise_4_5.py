"""Exercise 4.5: names that are taken again, and answers that nobody listed."""

import pytest
import torch
from stopwatch import Stopwatch
from torch import Tensor

from autograder import check
from autograder.judge import Trial
from autograder.registry import exercise
from autograder.specs.ex4_5.answers import (
    RIGHT,
    definer,
    fake_forward,
    forward,
    in_numpy,
    setup,
)
from bnlab.norms.numpy_kernels import bn_backward, bn_forward


@pytest.fixture(scope="module", autouse=True)
def everything_is_loaded():
    check("4.5", *RIGHT)


def text_of(answer):
    verdict = check("4.5", answer)
    assert not verdict.ok
    return str(verdict)


def test_a_right_answer_is_judged_in_well_under_a_second():
    watch = Stopwatch()
    assert check("4.5", *RIGHT).ok
    assert watch.seconds < 1.0  # a busy machine; quiet, it takes 0.2 s


def test_a_cell_that_is_run_again_replaces_the_operator():
    [define_operator] = definer()
    [wrong] = definer(wrapped=lambda op: lambda x, g, b, eps=1e-5: op(x, g, b, eps)[0] + 1)
    x, gamma, beta = torch.randn(5, 3), torch.ones(3), torch.zeros(3)
    first, second = (define_operator("rerun::batch_norm") for _ in range(2))
    assert torch.equal(first(x, gamma, beta), second(x, gamma, beta))
    assert check("4.5", wrong).passed < check("4.5", define_operator).passed
    assert check("4.5", define_operator).ok


def test_a_name_of_the_learners_own_is_right_and_may_be_defined_again():
    def own_name(name):
        return RIGHT[0]("mine::batch_norm")

    def own_name_again(name):
        return RIGHT[0]("mine::batch_norm")

    assert check("4.5", own_name).ok and check("4.5", own_name_again).ok
    assert check("4.5", own_name).ok


def test_a_wrong_answer_under_the_same_name_is_named_and_then_forgotten():
    [missing] = definer(fake_forward=None)

    def wrong(name):
        return missing("mine::batch_norm")

    def right(name):
        return RIGHT[0]("mine::batch_norm")

    assert check("4.5", wrong).mistakes == ("no fake kernel",)
    assert check("4.5", right).ok


def only_y(name):
    """One output; the statistics are computed again for the gradient."""

    def run(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
        return in_numpy(bn_forward, x, gamma, beta, eps)[0]

    def run_backward(
        dy: Tensor, x: Tensor, gamma: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        _, mean, inv_std = in_numpy(bn_forward, x, gamma, gamma, eps)
        return in_numpy(bn_backward, dy, x, gamma, mean, inv_std)

    op = torch.library.custom_op(name, run, mutates_args=())
    backward_op = torch.library.custom_op(f"{name}_grad", run_backward, mutates_args=())
    op.register_fake(lambda x, gamma, beta, eps: torch.empty_like(x))
    backward_op.register_fake(
        lambda dy, x, gamma, eps: tuple(map(torch.empty_like, (x, gamma, gamma)))
    )

    def keep(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])
        ctx.eps = inputs[3]

    def gradient(ctx, dy):
        return *backward_op(dy, *ctx.saved_tensors, ctx.eps), None

    op.register_autograd(gradient, setup_context=keep)
    return lambda x, gamma, beta, eps=1e-5: op(x, gamma, beta, eps)


def not_detached(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Inside of an operator nothing is recorded, so a tensor may become an array."""
    arrays = bn_forward(x.numpy(), gamma.numpy(), beta.numpy(), eps)
    return tuple(map(torch.from_numpy, arrays))


@pytest.mark.parametrize("answer", [only_y, *definer(forward=not_detached)])
def test_another_right_answer_passes(answer):
    verdict = check("4.5", answer)
    assert verdict.ok, verdict


def composed(name):
    def batch_norm(x, gamma, beta, eps=1e-5):
        return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)

    return batch_norm


def changes_what_it_says(name):
    def run(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
        return forward(x, gamma, beta, eps)[0]

    op = torch.library.custom_op(name, run, mutates_args=("x",))
    op.register_autograd(lambda ctx, dy: (dy, None, None, None))
    return op


def zeros(backward_op):
    return lambda ctx, dy, *_: (*(torch.zeros_like(t) for t in ctx.saved_tensors[:2]), None, None)


def no_hints(x, gamma, beta, eps):
    return forward(x, gamma, beta, eps)


UNLISTED = {
    "no operator": (composed, "No operator of yours is called"),
    "nothing returned": (lambda name: None, "returned None (is the return missing?)"),
    "a tensor returned": (lambda name: torch.ones(1), "returned Tensor"),
    "all outputs returned": (
        definer(wrapped=lambda op: op)[0],
        "batch_norm returned tuple; expected one tensor",
    ),
    "y in double": (
        definer(wrapped=lambda op: lambda x, g, b, eps=1e-5: op(x, g, b, eps)[0].double())[0],
        "y is torch.float64",
    ),
    "an argument that is said to change": (changes_what_it_says, "non-functional operator"),
    "no types": (definer(forward=no_hints)[0], "type annotation"),
    "zeros": (definer(gradient=zeros)[0], "`dx` is wrong"),
    "one fake output": (
        definer(fake_forward=lambda *inputs: fake_forward(*inputs)[:2])[0],
        "fake",
    ),
    "no context": (definer(setup=None)[0], "It raised"),
    "too little kept": (
        definer(setup=lambda ctx, inputs, output: ctx.save_for_backward(*inputs[:2]))[0],
        "It raised",
    ),
    "eps saved as a tensor": (
        definer(setup=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))[0],
        "save_for_backward can only save variables",
    ),
}


@pytest.mark.parametrize("name", UNLISTED)
def test_an_unlisted_wrong_answer_fails_and_quickly(name):
    answer, says = UNLISTED[name]
    watch = Stopwatch()
    assert says in text_of(answer)
    assert watch.seconds < 2.0  # a busy machine; quiet, it takes 0.5 s


def test_the_number_that_the_check_gives_an_operator_is_not_shown():
    assert "`exercise::batch_norm` has no fake kernel" in text_of(*definer(fake_forward=None))


def test_the_compiler_is_left_as_it_was():
    import logging

    x = torch.ones(3)
    graphs = []

    def backend(graph, examples):
        graphs.append(graph)
        return graph.forward

    function = torch.compile(lambda t: t.sin() + 1, backend=backend)
    before = function(x)
    check("4.5", *definer(fake_forward=None))
    assert torch.equal(function(x), before) and logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("seed", [f"operators {n}" for n in range(3)])
def test_setup_saves_what_the_kernel_asks_for(seed):
    """The order of what is saved is the order of the kernel's arguments, with any numbers."""
    trial = Trial(exercise("4.5"), seed)
    assert trial.judge(definer(setup=setup)).ok


def test_a_list_of_gradients_is_told_from_too_few():
    def listed(backward_op):
        return lambda ctx, dy, *_: [*backward_op(dy, *ctx.saved_tensors), None]

    assert "a list counts as one" in text_of(*definer(gradient=listed))


def test_pytorchs_own_batch_norm_is_not_called_a_kernel():
    def define_operator(name):
        norm = torch.nn.functional.batch_norm
        return lambda x, gamma, beta, eps=1e-5: norm(x, None, None, gamma, beta, True, eps=eps)

    text = text_of(define_operator)
    assert "No operator of yours is called" in text and "autograd function" not in text
