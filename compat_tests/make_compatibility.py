"""Write docs/compatibility.md: what of tf_keras' public names torchkeras has, and what differs.

python compat_tests/make_compatibility.py
"""

import importlib
import inspect
import sys
import types
import warnings
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "compatibility.md"
# Arguments of tf_keras that tf.keras 2.15 had not.
NEWER = {"adaptive_epsilon", "cache_dir", "optional", "robust_masking", "softmax_robust_masking"}
NOT_PUBLIC = {"api", "protobuf", "src"}

TEXT = """\
# Compatibility

What torchkeras has of the public names of tf_keras {version}, which continues tf.keras 2.15. A
script counts (`compat_tests/make_compatibility.py`), a test holds this page to what it finds. That
numbers, configs and files are those of tf_keras is what the tests beside the script compare. What
is missing is an error that says so.

| namespace | has | of |
|---|---:|---:|
{counts}

## What differs on purpose

**Scripts in the shim.** Tensors of `tensorflow` are torch's. Once a script imports `tensorflow`,
nothing is recorded for gradients outside of a `GradientTape` and of `fit`, as in TensorFlow: a loop
that calls `loss.backward()` puts `torch.enable_grad()` around it. There `x += y` makes a new
tensor. `RaggedTensor`, TFRecord files and estimators are errors that name the way out.

**Training and inference.** A new layer or model is in inference mode, as calls in Keras are, where
an `nn.Module` starts in training mode. `fit` switches it, a loop of your own calls `model.train()`.
A `train_step` of your own says `training=True` in its calls, as in Keras. Random image layers
augment when they are called alone or in a model of such layers, as in tf.keras; beside `Dropout`
and its like the model's mode decides, where tf.keras' `model(images)` augments.

**Text** stays on the host: `StringLookup` and `TextVectorization` take numpy arrays and lists of
strings, alone or behind `Input(dtype="string")` in a model. A vocabulary that `adapt` found is in
the layer's config; a vocabulary file that a config names is not opened.

**`compile`.** `Model.compile` is Keras' method; torch's stays reachable as
`nn.Module.compile(model)` and `torch.compile(model)`. Everything runs eagerly unless
`jit_compile=True` asks for `torch.compile` of the forward pass, as one graph without breaks; what
cannot be one, texts as inputs or layers made inside of `call`, is an error then. Hooks of the
model itself stay in Python; torch's limit of recompiles is for each model alone. torch 2.6 computes
what later ones do, but cannot compile or export masked recurrent layers, resizing and augmentation.
`jit_compile="auto"` records training steps as a CUDA graph where nothing in them is the user's own
and the optimizer is SGD, RMSprop or Adam; this has not run on a GPU yet, and changes nothing on
other devices.
`steps_per_execution` calls callbacks as tf.keras does, but makes nothing faster. `predict` may run
small batches of arrays as one where no layer, hook or callback could tell; results differ by
rounding. On Linux the first run on a CPU has the C library keep freed memory for the next step,
unless the environment sets `MALLOC_TRIM_THRESHOLD_` or its like.

**`fit`** raises where labels cannot fit the output, where a loss has no labels, and where `y` has
more parts than there are outputs; tf.keras broadcasts or drops them. It warns once when the loss is
no longer finite, naming the batch. `model.get_weights()` leaves out the state of metrics that a
model holds as attributes.

**`BackupAndRestore`** brings back the history, callbacks, random numbers and the position in the
data too, so that the end is bit for bit that of an uninterrupted run on a CPU. A generator is read
again from its beginning; where a position cannot be found again it is an error.

**Random numbers.** After `set_random_seed`, initial weights are those of tf.keras, and so
are the draws of seeded initializers and the orders of a seeded `Dataset.shuffle`. Dropout, noise
and the shuffling of arrays repeat for a seed, but the draws are torch's, not TensorFlow's.

**Data.** `workers` and `use_multiprocessing` work as in Keras; with `workers=1`, the default,
batches are made in the main thread. Processes share no generator. A series shorter than a window
of `timeseries_dataset_from_array` is an error, where tf.keras gives no batch. JPEG files are
decoded exactly; TensorFlow's fast decoder is off by up to 6 of 255. `ragged=True` is an error.

**Gradients.**
- Categorical cross-entropy from logits: the gradient is the derivative of the value. TensorFlow's
  kernel takes labels to sum to 1 and gives another one where they do not.
- In `fit` and `Optimizer.minimize` embeddings have gradients by rows wherever that gives other
  numbers in tf.keras (clipping, the momentum of `optimizers.legacy`) or saves a pass over a large
  table. After your own `loss.backward()`, and where several processes train, they are dense.
- `Nadam` is the rule that tf.keras runs eagerly. Traced into a graph, tf.keras keeps the product of
  momenta of the step it was traced in; in a small test losses differ from the fourth digit on.

**Applications.** RegNet and ConvNeXt start at `input_tensor` itself; tf.keras leaves out the layers
before it. Published weights are fetched before the network is built.

**Pictures.** Without Graphviz `plot_model` writes an SVG. `layer_range` of a `Sequential` names the
layers it shows; tf.keras is one layer off.

**`keras.dtensor`, `keras.estimator`, `keras.export`** are TensorFlow's own: their names are
errors that tell what to use.

**Plain torch modules** may stand among layers; their weights are called `weight:0`, in torch's
axes. Torch's losses, optimizers and learning rate schedulers may stand in `compile`; a scheduler
takes its step after each update, as Keras' schedules count. A Keras config cannot hold them.

**`ops` and `random`** are Keras 3's, compared with Keras 3 on torch. Where that fails or
contradicts its own description, numpy's meaning holds: `pad` with 'symmetric', `take` of negative
indices in a row, `sparsemax`, 'same' pooling, normalisation along an axis that is not the last,
bicubic `resize` (TensorFlow's kernel). float64 stays float64. A model that holds a function that
torch does not have (`ops.take`, `ops.image.resize`) can be trained, copied and pickled, but not yet
be written as JSON.

**`torch.compile(layer, fullgraph=True)` and `torch.export`** take every layer in one graph, except
those whose work or result depends on the data: `Hashing` and `HashedCrossing`, whose hashes numpy
computes from the printed inputs; `StringLookup` and `TextVectorization`, which take texts;
`RandomHeight` and `RandomWidth` in training, whose random number is the shape of the result. They
are called outside of the graph.

**Layers made of TensorFlow**: `TFSMLayer` (the functions of a SavedModel) is an error that tells
the way out. `DenseFeatures` computes the numeric, bucketized, indicator and embedding columns that
files describe, over integers, vocabularies, hashes and crosses of single values; it takes no
objects of `tf.feature_column`. Layers give dense tensors: `sparse=True` and `ragged=True` are
errors. `BatchNormalization(synchronized=True)` shares statistics in a `torch.distributed` group, if
there is one. `Conv3DTranspose` dilates by its `dilation_rate`, which tf.keras ignores. `CuDNNLSTM`
and `CuDNNGRU` run on any device and take masks, which they refuse in Keras.

**Layers that Keras 3 added** and that are here: `RMSNormalization`, the adaptive poolings,
`Pipeline`, `RandomGrayscale`, `RandomHue`, `RandomSaturation`, `RandomColorDegeneration`,
`RandomInvert`, `RandomPosterization`, `RandomSharpness`, `AutoContrast`, `Solarization`. Not here:
grouped attention, spectrograms, `ReversibleEmbedding`, bounding boxes and the other augmentations
(`AugMix`, `CutMix`, `MixUp`, `RandAugment`, `RandomErasing`, `RandomShear`, ...).

**Metrics** are objects with states, not layers.

**Files.** HDF5 of all Keras, `.keras` archives, SavedModel folders, TensorFlow checkpoints and
`.weights.h5` are read and written; weights also as safetensors and torch's `.pt`. Of a SavedModel
the description of Keras, the variables and the tables of words are read, not its functions: a model
that is a subclass needs its class in `custom_objects`. The SavedModel folders that are written have
no functions either, so `keras.models.load_model` reads them and a serving program does not. Lambda
layers and other code in a file are not loaded, and nothing from a file is run or imported, unless
`safe_mode=False` is given in the call. Bytecode of the Python at hand is run then; that of another,
from 2.7 to 3.13, is read as data and computed by a small machine that knows functions of tensors
(`K`, `tf`, `np`, `math`), what `custom_objects` hold, and nothing else. Models of Keras 1 load,
with Merge layers, kernels in either order and gates kept apart, and so do those that
`multi_gpu_model` made.
A `.keras` or `.weights.h5` file is read by tf.keras 2.15 and by Keras 3, which order the state of
an optimizer differently: it is in the order of Keras 3, and with `save_format="keras_v2"` in that
of tf.keras; the other one starts its optimizer anew. Layers that are called with several tensors,
such as MultiHeadAttention, can be written for one of the two alone, which the format chooses as
well. [files.md](files.md) holds every library's files against every other's.

**Not there yet:** ragged and sparse tensors, and functions of a SavedModel. The paths for GPUs are
written, but no test has run on one so far.

## Names that are missing

{names}

## Arguments that are missing

{arguments}

## Methods and attributes that are missing

{members}
"""


def page(theirs, ours) -> str:
    """The text of the page, from the modules tf_keras and torchkeras."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a look at an old name may warn
        spaces = list(namespaces(theirs, ours))
        return TEXT.format(
            version=theirs.__version__,
            counts=_count_rows(spaces),
            names=_lines(_missing_names(spaces)),
            arguments=_lines(_missing_arguments(spaces)),
            members=_lines(_missing_members(theirs, ours)),
        )


def namespaces(theirs, ours, name="keras"):
    """Every public module of tf_keras as (name, its public names, ours or None), depth first."""
    public = {k: v for k, v in sorted(vars(theirs).items()) if not k.startswith("_")}
    below = {
        key: value
        for key, value in public.items()
        if isinstance(value, types.ModuleType)
        and value.__name__ == f"{theirs.__name__}.{key}"
        and key not in NOT_PUBLIC
    }
    yield name, {k: v for k, v in public.items() if not isinstance(v, types.ModuleType)}, ours
    for key, module in below.items():
        yield from namespaces(module, _submodule(ours, key), f"{name}.{key}")


def _submodule(ours, key):
    if ours is None or not isinstance(ours, types.ModuleType):
        return None
    try:
        return getattr(ours, key, None) or importlib.import_module(f"{ours.__name__}.{key}")
    except ModuleNotFoundError:
        return None


def _count_rows(spaces):
    """A row for each namespace directly below keras, with what is below it."""
    have, of = Counter(), Counter()
    for name, public, ours in spaces:
        top = ".".join(name.split(".")[:2])
        of[top] += len(public)
        have[top] += sum(hasattr(ours, key) for key in public)
    rows = [f"| `{top}` | {have[top]} | {of[top]} |" for top in of]
    return "\n".join([*rows, f"| **all** | **{have.total()}** | **{of.total()}** |"])


def _missing_names(spaces):
    """A line a namespace; one line for the whole of what is missing altogether."""
    lost = {n: [k for k in public if not hasattr(ours, k)] for n, public, ours in spaces}
    sizes = {name: len(public) for name, public, _ in spaces}
    whole = []
    for name in sizes:
        inside = [n for n in sizes if f"{n}.".startswith(f"{name}.")]
        count = sum(sizes[n] for n in inside)
        if any(f"{name}.".startswith(f"{n}.") for n in whole) or not count:
            continue
        if all(len(lost[n]) == sizes[n] for n in inside):
            whole.append(name)
            yield f"`{name}`", f"everything, {_counted(count, 'name')}"
        elif lost[name]:
            yield f"`{name}`", _listed(lost[name])


def _missing_arguments(spaces):
    for name, public, ours in spaces:
        for key, value in public.items():
            mine = getattr(ours, key, None)
            if mine is None or not callable(value):
                continue
            known, anything = _accepted(mine)
            lost = [p for p in _explicit(value) if p not in known]
            if lost and not (anything and not inspect.isclass(mine)):
                new = [f"`{p}` (newer than 2.15)" for p in lost if p in NEWER]
                old = [f"`{p}`" for p in lost if p not in NEWER]
                yield f"`{name}.{key}`", ", ".join(old + new)


def _parameters(function):
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of a builtin
        return []


def _explicit(value):
    """The named parameters of a function or constructor."""
    parameters = _parameters(value.__init__)[1:] if inspect.isclass(value) else _parameters(value)
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _accepted(value):
    """The names that a function or constructor takes, `**kwargs` followed to the base classes."""
    if not inspect.isclass(value):
        parameters = _parameters(value)
        return _explicit(value), any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = []
    for base in value.__mro__:
        if "__init__" in vars(base):
            names += _explicit(base)
            if not any(p.kind is p.VAR_KEYWORD for p in _parameters(base.__init__)):
                break
    return names, False


def _missing_members(theirs, ours):
    """Public members of the base classes, those of a made object; tf.Module's do not count."""
    module = {m for c in theirs.layers.Layer.__mro__ if c.__name__ == "Module" for m in dir(c)}
    layer = set(dir(theirs.layers.Layer()))
    for name, make, known in (
        ("layers.Layer", lambda k: k.layers.Layer(), module),
        ("Model", lambda k: k.Sequential([k.layers.Dense(1, input_shape=(1,))]), layer),
        ("metrics.Metric", lambda k: k.metrics.Mean(), layer),
        ("losses.Loss", lambda k: k.losses.MeanSquaredError(), set()),
        ("optimizers.Optimizer", lambda k: k.optimizers.SGD(), module),
        ("callbacks.Callback", lambda k: k.callbacks.Callback(), set()),
        ("initializers.Initializer", lambda k: k.initializers.Zeros(), set()),
        ("regularizers.Regularizer", lambda k: k.regularizers.L2(), set()),
        ("constraints.Constraint", lambda k: k.constraints.NonNeg(), set()),
    ):
        mine, public = make(ours), [m for m in dir(make(theirs)) if not m.startswith("_")]
        have = {m for m in public if hasattr(type(mine), m) or hasattr(mine, m)}
        lost = [member for member in public if member not in known | have]
        if lost:
            yield f"`keras.{name}`", _listed(lost)


def _listed(names):
    return ", ".join(f"`{name}`" for name in names)


def _counted(count, what):
    return f"{count} {what}{'s' * (count != 1)}"


def _lines(pairs):
    return "\n".join(f"- {name}: {said}" for name, said in pairs) or "None."


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parent.parent))
    import torchkeras
    from compat_tests import oracle

    PAGE.write_text(page(oracle.tf_keras(), torchkeras), encoding="utf-8")
