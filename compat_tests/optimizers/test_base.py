"""What all optimizers share: torch's contract, Keras' contract, state, copies, cost."""

import copy
import io
import pickle
import sys

import numpy as np
import pytest
import torch

from compat_tests import oracle
from compat_tests.checks.optimizer import Holder, check_optimizer
from torchkeras import optimizers
from torchkeras.optimizers import legacy
from torchkeras.variable import Variable

ALL = [
    (optimizers.SGD, {}), (optimizers.SGD, {"momentum": 0.9}), (optimizers.RMSprop, {}),
    (optimizers.Adagrad, {}), (optimizers.Adadelta, {"learning_rate": 1.0}),
    (optimizers.Adam, {}), (optimizers.Adam, {"amsgrad": True, "use_ema": True}),
    (optimizers.AdamW, {}), (optimizers.Adamax, {}), (optimizers.Nadam, {}),
    (optimizers.Ftrl, {}), (optimizers.Lion, {}), (optimizers.Adafactor, {}),
    (legacy.SGD, {"momentum": 0.9}), (legacy.RMSprop, {"centered": True}), (legacy.Adam, {}),
    (legacy.Nadam, {}), (legacy.Adadelta, {}),
]  # fmt: skip
every = pytest.mark.parametrize("cls, settings", ALL)


def model(dtype=torch.float32):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).to(
        dtype
    )


def train(net, opt, steps, start=0):
    dtype = next(net.parameters()).dtype
    for step in range(start, start + steps):
        x = torch.linspace(-1, 1 + step, 12).reshape(4, 3).to(dtype)
        opt.minimize((net(x) ** 2).mean(), list(net.parameters()))
    return [p.detach().clone() for p in net.parameters()]


@every
def test_is_a_torch_optimizer(cls, settings):
    net, opt = model(), cls(**settings)
    assert isinstance(opt, torch.optim.Optimizer) and opt.param_groups == []
    opt.build(net.parameters())
    assert opt.param_groups[0]["params"] == list(net.parameters())
    before = [p.clone() for p in net.parameters()]
    net(torch.ones(2, 3)).sum().backward()
    opt.step()
    opt.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert int(opt.iterations) == 1 and opt.iterations.numpy() == 1


@every
@pytest.mark.parametrize("way", ["state_dict", "torch.save", "keras", "weights", "names"])
def test_resuming_equals_going_on(cls, settings, way):
    net, opt = model(), cls(**settings)
    train(net, opt, 3)
    other, again = copy.deepcopy(net), cls(**settings)
    again.build(other.parameters())
    if way == "state_dict":
        again.load_state_dict(opt.state_dict())
    elif way == "torch.save":
        file = io.BytesIO()
        torch.save(opt.state_dict(), file)
        file.seek(0)
        again.load_state_dict(torch.load(file, weights_only=True))
    elif way == "keras":
        store = {}
        opt.save_own_variables(store)
        again.load_own_variables(store)
    elif way == "weights":
        again.set_weights(opt.get_weights())
    else:
        again.load_named_weights(reversed(list(opt.named_weights())))
    assert again.iterations == 3
    for a, b in zip(train(net, opt, 3, 3), train(other, again, 3, 3), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@every
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_with_the_model(cls, settings, copier):
    net, opt = model(), cls(**settings)
    train(net, opt, 2)
    other, again = copier((net, opt))
    expected = train(net, opt, 2, 2)
    for a, b in zip(expected, train(other, again, 2, 2), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert again.iterations == 4
    empty = copier(cls(**settings))
    assert empty.get_config() == cls(**settings).get_config() and empty.iterations == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@every
def test_dtypes(cls, settings, dtype):
    net, opt = model(dtype), cls(**settings)
    before = [p.clone() for p in net.parameters()]
    after = train(net, opt, 3)
    assert all(p.dtype is dtype and p.isfinite().all() for p in after)
    if dtype is torch.float64:
        assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name, settings", [
    ("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {}), ("Nadam", {}), ("Adamax", {}),
    ("legacy.Adam", {}),
])  # fmt: skip
def test_float64_against_keras(name, settings):
    check_optimizer(name, settings, dtype="float64", rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adafactor"])
def test_missing_gradients(name):
    with pytest.warns(UserWarning, match="dense/bias:0"):
        check_optimizer(name, missing=[(0, 1), (3, 1), (4, 1)], slots=name != "SGD")


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adafactor"])
@pytest.mark.parametrize(
    "setting", [{"use_ema": True, "ema_momentum": 0.5}, {"weight_decay": 0.1}, {"clipnorm": 0.1}]
)
def test_missing_gradients_and_more(name, setting):
    with pytest.warns(UserWarning, match="gru/bias:0"):
        check_optimizer(name, setting, missing=[(1, 2)], slots=name != "SGD")


def test_excluded_from_weight_decay():
    def prepare(opt, variables):
        opt.exclude_from_weight_decay(var_list=variables[:1], var_names=["gru"])

    check_optimizer("AdamW", {"weight_decay": 0.5, "learning_rate": 0.1}, prepare=prepare)
    opt = optimizers.AdamW()
    opt.build([torch.nn.Parameter(torch.ones(1))])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        opt.exclude_from_weight_decay(var_names=["bias"])


def test_finalize_ema():
    def run(opt, variables, constant):
        for i in range(4):
            opt.apply_gradients([(constant([1.0 + i, 2.0]), v) for v in variables])
        opt.finalize_variable_values(variables)
        return [v.numpy() for v in variables]

    def theirs(keras):
        import tensorflow as tf

        opt = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        return run(opt, [tf.Variable([1.0, -1.0])], tf.constant)

    opt = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    ours = run(opt, [Variable([1.0, -1.0])], torch.tensor)
    np.testing.assert_allclose(ours, oracle.ask(theirs), 1e-6)


def test_constraint_follows_the_update():
    holder = Holder()
    holder.kernel_constraint = lambda w: w.clamp(-0.1, 0.1)
    weights = holder.weights()
    opt = optimizers.SGD(0.5)
    opt.minimize(lambda: sum((w.value**2).sum() - w.value.sum() for w in weights), weights)
    assert weights[0].value.abs().max() <= 0.1
    assert weights[1].value.abs().max() > 0.1


class KerasStyle:
    """An optimizer as users write it for tf.keras."""

    def __init__(self, learning_rate=0.1, name="Mine", **kwargs):
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list):
        super().build(var_list)
        if hasattr(self, "_built") and self._built:
            return
        self._built = True
        self.traces = [self.add_variable_from_reference(v, "trace") for v in var_list]
        self.total = self.add_variable(shape=(), name="total", initializer="ones")

    def update_step(self, gradient, variable):
        trace = self.traces[self._index_dict[self._var_key(variable)]]
        trace.assign(0.5 * trace + gradient)
        self.total.assign_add(1.0)
        variable.assign_sub(self.learning_rate * trace)

    def get_config(self):
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {**super().get_config(), "learning_rate": rate}


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1, "clipnorm": 0.5}])
def test_optimizer_written_for_keras(settings):
    grads = np.random.randn(5, 3, 4).astype("float32")

    def run(base, variable, constant):
        opt = type("Mine", (KerasStyle, base), {})(**settings)
        for grad in grads:
            opt.apply_gradients([(constant(grad), variable)])
        state = [v.numpy() for v in opt.variables]
        return [variable.numpy(), state, [v.name for v in opt.variables], opt.get_config()]

    def theirs(keras):
        import tensorflow as tf

        variable = tf.Variable(np.ones((3, 4), "float32"), name="dense/kernel")
        return run(keras.optimizers.Optimizer, variable, tf.constant)

    expected = oracle.ask(theirs)
    kernel = Holder().weights()[0]
    kernel.assign(np.ones((3, 4), "float32"))
    ours = run(optimizers.Optimizer, kernel, torch.tensor)
    np.testing.assert_allclose(ours[0], expected[0], 1e-6, 1e-6)
    for a, b in zip(ours[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, 1e-6, 1e-6)
    assert [n.split("/")[-1] for n in ours[2]] == [n.split("/")[-1] for n in expected[2]]
    assert {**ours[3], "learning_rate": 0} == {**expected[3], "learning_rate": 0}


def test_state_of_an_optimizer_written_for_keras():
    cls = type("Mine", (KerasStyle, optimizers.Optimizer), {})
    net, opt = model(), cls()
    train(net, opt, 2)
    other, again = copy.deepcopy((net, opt))
    third, fresh = copy.deepcopy(net), cls()
    fresh.build(list(third.parameters()))
    fresh.load_state_dict(opt.state_dict())
    expected = train(net, opt, 2, 2)
    for pair in ((other, again), (third, fresh)):
        for a, b in zip(expected, train(*pair, 2, 2), strict=True):
            torch.testing.assert_close(a, b)


def test_stale_gradients_do_not_count():
    w = torch.nn.Parameter(torch.tensor([1.0]))
    w.grad = torch.tensor([100.0])
    opt = optimizers.SGD(0.5)
    opt.minimize((w * w).sum(), [w])
    assert w.tolist() == [0.0] and w.grad is None


def test_only_the_variables_named_get_gradients():
    a, b = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    opt = optimizers.SGD(0.5)
    opt.build([a, b])
    opt.minimize((a * b).sum(), [a])
    assert a.tolist() == [0.5] and b.tolist() == [1.0] and b.grad is None


def test_nothing_to_do():
    a, b = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    opt = optimizers.SGD(0.5)
    with pytest.raises(ValueError, match="No gradients for any variable"):
        opt.apply_gradients([(None, a)])
    with pytest.raises(ValueError, match="No gradients for any variable"):
        opt.minimize((b * b).sum() + 0 * opt.iterations, [a])
    assert opt.step() is None and opt.iterations == 0
    assert opt.apply_gradients([]) == 0
    with pytest.raises(ValueError, match="call build"):
        optimizers.SGD(0.5).step()


def test_tape_and_compute_gradients():
    weights = Holder().weights()

    def loss():
        return sum((w.value**2).sum() for w in weights[:2])

    opt = optimizers.SGD(0.5)
    pairs = opt.compute_gradients(loss, weights)
    assert pairs[0][0].shape == (3, 4) and pairs[2][0] is None
    torch.testing.assert_close(pairs[0][0], 2 * weights[0].value.detach())

    class Tape:
        def gradient(self, target, variables):
            return [g for g, _ in optimizers.SGD().compute_gradients(target, variables)]

    opt.minimize(loss(), weights[:2], tape=Tape())
    assert weights[0].value.abs().max() < 1e-6


def test_gradients_in_any_memory_order():
    first, second = (torch.nn.Parameter(torch.arange(6.0).reshape(3, 2)) for _ in range(2))
    grad = torch.randn(2, 3)
    a, b = optimizers.Adam(0.1), optimizers.Adam(0.1)
    a.build([first])
    b.build([second])
    first.grad, second.grad = grad.t(), grad.t().contiguous()
    a.step()
    b.step()
    assert torch.equal(first, second)
    a.apply_gradients([(grad.t().numpy(), first)])
    b.apply_gradients([(grad.t().contiguous(), second)])
    assert torch.equal(first, second)


def test_parameters_with_gaps():
    storage = torch.ones(4, 4)
    w = torch.nn.Parameter(storage[:, ::2])
    v = torch.nn.Parameter(torch.ones(4, 2))
    for p in (w, v):
        opt = optimizers.Adam(0.1)
        for _ in range(2):
            opt.minimize((p**2).sum(), [p])
    torch.testing.assert_close(w, v)
    assert storage[:, 1::2].eq(1).all()


@every
def test_cast_after_build(cls, settings):
    net, opt = model(), cls(**settings)
    train(net, opt, 2)
    net.double()
    after = train(net, opt, 2)
    assert all(p.dtype is torch.float64 and p.isfinite().all() for p in after)


def test_shape_mismatch_names_the_variable():
    weights = Holder().weights()
    opt = optimizers.Adam()
    with pytest.raises(ValueError, match="dense/bias:0"):
        opt.apply_gradients([(np.ones(3, "float32"), weights[1])])
    opt = optimizers.Adam()
    opt.build(weights)
    with pytest.raises(ValueError, match="Adam/m/dense/kernel:0"):
        opt.set_weights([np.zeros(()), np.zeros(3), *opt.get_weights()[2:]])
    with pytest.raises(ValueError, match="7 variables; received 2"):
        opt.set_weights([1, 2])
    with pytest.warns(UserWarning, match="was not loaded"):
        opt.load_own_variables({"0": 1})


def test_torch_scheduler_and_groups():
    a, b = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    opt = optimizers.SGD(0.5)
    opt.build([a])
    opt.add_param_group({"params": [b], "lr": 0.25})
    scheduler = torch.optim.lr_scheduler.StepLR(opt, step_size=1, gamma=0.5)
    for p in (a, b):
        p.grad = torch.ones(1)
    opt.step()
    scheduler.step()
    assert a.tolist() == [0.5] and b.tolist() == [0.75] and opt.lr == 0.25
    opt.step()
    assert a.tolist() == [0.25] and b.tolist() == [0.625]
    copied = copy.deepcopy(opt)
    assert copied.iterations == 2 and copied.lr == 0.25


def test_hooks_and_closure():
    w = torch.nn.Parameter(torch.ones(1))
    opt, calls = optimizers.SGD(0.5), []
    opt.register_step_pre_hook(lambda *_: calls.append("before"))
    opt.register_step_post_hook(lambda *_: calls.append("after"))
    opt.build([w])

    def closure():
        calls.append("closure")
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert opt.step(closure).item() == 1.0
    assert calls == ["before", "closure", "after"] and w.tolist() == [0.0]
    assert torch.is_grad_enabled()


def test_grad_scaler():
    w = torch.nn.Parameter(torch.ones(1))
    opt, scaler = optimizers.SGD(0.5), torch.amp.GradScaler("cpu", init_scale=8.0)
    opt.build([w])
    scaler.scale((w * w).sum()).backward()
    scaler.step(opt)
    scaler.update()
    assert w.tolist() == [0.0]


@pytest.mark.parametrize("values, name", [
    (lambda n: [np.array(3)] + [np.full(3, i, "f4") for i in range(3 * n)], "Adam"),
    (lambda n: [np.full(3, i, "f4") for i in range(n)], "RMSprop"),
    (lambda n: [np.full(3, i, "f4") for i in range(2 * n)], "Adadelta"),
])  # fmt: skip
def test_files_of_keras_1_and_2(values, name):
    opt = getattr(legacy, name)()
    opt.build([torch.nn.Parameter(torch.zeros(3)) for _ in range(2)])
    values = values(2)
    opt.load_named_weights([(f"training/{name}/{i}:0", v) for i, v in enumerate(values)])
    loaded = opt.get_weights()
    assert loaded[0] == (3 if values[0].ndim == 0 else 0)
    tail = [v for v in values if v.ndim]
    for a, b in zip(loaded[1:], tail, strict=False):
        np.testing.assert_array_equal(a, b)


def test_legacy_transformers_and_slots():
    w = Holder().weights()[1]
    w.assign(np.zeros(4, "float32"))
    opt = legacy.SGD(0.5, momentum=0.9, gradient_transformers=[
        lambda pairs: [(2 * g, v) for g, v in pairs]])  # fmt: skip
    opt.minimize(lambda: w.value.sum(), [w])
    assert w.numpy().tolist() == [-1.0] * 4
    assert opt.get_slot(w, "momentum").numpy().tolist() == [-1.0] * 4
    assert opt.get_slot_names() == ["momentum"]


def python_calls(function):
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(event))
    try:
        function()
    finally:
        sys.setprofile(None)
    return sum(event in ("call", "c_call") for event in calls)


@pytest.mark.parametrize("ours, theirs", [
    (optimizers.SGD(), lambda p: torch.optim.SGD(p, fused=True)),
    (optimizers.SGD(momentum=0.9), lambda p: torch.optim.SGD(p, momentum=0.9, fused=True)),
    (optimizers.Adam(), lambda p: torch.optim.Adam(p, fused=True)),
    (optimizers.AdamW(), lambda p: torch.optim.AdamW(p, fused=True)),
    (optimizers.RMSprop(), lambda p: torch.optim.RMSprop(p, foreach=True)),
])  # fmt: skip
def test_a_step_is_cheaper_than_torch(ours, theirs):
    counts = []
    for make in (theirs, lambda p: (ours.build(p), ours)[1]):
        params = [torch.nn.Parameter(torch.ones(4, 4)) for _ in range(6)]
        for p in params:
            p.grad = torch.ones(4, 4)
        opt = make(params)
        opt.step()
        opt.step()
        counts.append(python_calls(opt.step))
    assert counts[1] < counts[0] / 2


@every
def test_a_step_reads_nothing_back(cls, settings):
    """On the meta device nothing can be read: a step that tries raises."""
    params = [torch.nn.Parameter(torch.ones(3, 2, device="meta")) for _ in range(2)]
    opt = cls(**settings, clipnorm=1.0)
    opt.build(params)
    for p in params:
        p.grad = torch.ones_like(p)
    opt.step()
    assert opt.iterations == 1
