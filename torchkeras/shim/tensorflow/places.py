"""Devices, strategies, settings and measurements of the machine: one process, torch's devices."""

from __future__ import annotations

import logging
import time
from collections import namedtuple
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from ... import config as settings
from ...training.execution import OneDevice
from .calls import Namespace, refused, tensor

PhysicalDevice = namedtuple("PhysicalDevice", "name device_type")
LogicalDevice = namedtuple("LogicalDevice", "name device_type")
_eager = {"functions": False}


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU and the GPUs that torch sees, by the names that TensorFlow gives them."""
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    count = torch.cuda.device_count() if torch.cuda.is_available() else int(_has_mps())
    found += [PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(count)]
    return [d for d in found if device_type in (None, d.device_type)]


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The same devices."""
    return [
        LogicalDevice(d.name.replace("physical_device", "device"), d.device_type)
        for d in list_physical_devices(device_type)
    ]


def _has_mps():
    return torch.backends.mps.is_available()


@contextmanager
def device(name: Any):
    """A block whose weights and tensors are made on a device: '/GPU:0', 'cpu', None."""
    if name is None:
        yield
        return
    text = str(getattr(name, "name", name)).lower()
    kind, _, number = (
        text.replace("/job:localhost/replica:0/task:0", "")
        .strip("/")
        .removeprefix("physical_")
        .removeprefix("device:")
        .partition(":")
    )
    if kind == "gpu":
        kind = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    with torch.device(f"{kind}:{number}" if kind == "cuda" and number else kind):
        yield


def _ignore(*args: Any, **kwargs: Any) -> None:
    """Without effect: torch takes memory as it is needed, and threads as torch is told."""


def _run_functions_eagerly(run_eagerly: bool) -> None:
    """Without effect: functions run eagerly."""
    _eager["functions"] = bool(run_eagerly)


config = Namespace(
    "config",
    list_physical_devices=list_physical_devices,
    list_logical_devices=list_logical_devices,
    get_visible_devices=list_physical_devices,
    set_visible_devices=_ignore,
    set_logical_device_configuration=_ignore,
    LogicalDeviceConfiguration=lambda **options: options,
    run_functions_eagerly=_run_functions_eagerly,
    functions_run_eagerly=lambda: True,
    set_soft_device_placement=_ignore,
    get_soft_device_placement=lambda: True,
    optimizer=Namespace(
        "config.optimizer", set_jit=_ignore, set_experimental_options=_ignore, get_jit=lambda: ""
    ),
    threading=Namespace(
        "config.threading",
        set_intra_op_parallelism_threads=torch.set_num_threads,
        set_inter_op_parallelism_threads=_ignore,
        get_intra_op_parallelism_threads=torch.get_num_threads,
        get_inter_op_parallelism_threads=torch.get_num_interop_threads,
    ),
    experimental=Namespace(
        "config.experimental",
        list_physical_devices=list_physical_devices,
        list_logical_devices=list_logical_devices,
        set_memory_growth=_ignore,
        get_memory_growth=lambda device: True,
        set_visible_devices=_ignore,
        get_visible_devices=list_physical_devices,
        set_virtual_device_configuration=_ignore,
        VirtualDeviceConfiguration=lambda **options: options,
        enable_tensor_float_32_execution=lambda on: setattr(
            torch.backends.cuda.matmul, "allow_tf32", on
        ),
        enable_op_determinism=settings.enable_op_determinism,
        get_memory_info=lambda name: {
            "current": torch.cuda.memory_allocated() if torch.cuda.is_available() else 0,
            "peak": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        },
        get_device_details=lambda device: {
            "device_name": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        },
    ),
)

# --- strategies ----------------------------------------------------------------------------------


class Strategy:
    """One replica: what runs in its scope runs as it would without."""

    num_replicas_in_sync = 1

    def __init__(self, *args: Any, **kwargs: Any):
        self.extended = OneDevice.extended

    def scope(self):
        """A block in which variables are made; there is one copy of them."""
        return nullcontext(self)

    def run(self, fn: Any, args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """`fn` on the one replica."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """The one value; with an axis its mean or sum along it."""
        if axis is None:
            return value
        return (
            tensor(value).mean(axis)
            if "mean" in str(reduce_op).lower()
            else tensor(value).sum(axis)
        )

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The data set itself."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Any, options: Any = None) -> Any:
        """What the function makes for one pipeline."""
        context = {"num_input_pipelines": 1, "input_pipeline_id": 0}
        context["get_per_replica_batch_size"] = lambda size: size
        return dataset_fn(Namespace("distribute.InputContext", **context))

    def experimental_local_results(self, value: Any) -> tuple:
        return (value,)


class ReduceOp:
    """How values of replicas become one."""

    SUM, MEAN = "SUM", "MEAN"


_TORCHRUN = "start the script with torchrun and wrap the model in DistributedDataParallel."
distribute = Namespace(
    "distribute",
    Strategy=Strategy,
    MirroredStrategy=type("MirroredStrategy", (Strategy,), {}),
    OneDeviceStrategy=type("OneDeviceStrategy", (Strategy,), {}),
    MultiWorkerMirroredStrategy=type("MultiWorkerMirroredStrategy", (Strategy,), {}),
    TPUStrategy=refused("distribute.TPUStrategy", "torchkeras runs on what torch runs on."),
    ParameterServerStrategy=refused("distribute.ParameterServerStrategy", _TORCHRUN),
    ReduceOp=ReduceOp,
    get_strategy=Strategy,
    has_strategy=lambda: False,
    get_replica_context=lambda: Namespace(
        "distribute.ReplicaContext", replica_id_in_sync_group=0, num_replicas_in_sync=1
    ),
    HierarchicalCopyAllReduce=_ignore,
    NcclAllReduce=_ignore,
    ReductionToOneDevice=_ignore,
    cluster_resolver=Namespace(
        "distribute.cluster_resolver",
        TPUClusterResolver=refused(
            "distribute.cluster_resolver.TPUClusterResolver", "there is no TPU."
        ),
    ),
    experimental=Namespace(
        "distribute.experimental",
        MultiWorkerMirroredStrategy=type("MultiWorkerMirroredStrategy", (Strategy,), {}),
        TPUStrategy=refused("distribute.experimental.TPUStrategy", "there is no TPU."),
    ),
)

# --- the rest of the machine ---------------------------------------------------------------------

test = Namespace(
    "test",
    is_gpu_available=lambda *args, **kwargs: len(list_physical_devices("GPU")) > 0,
    gpu_device_name=lambda: "/device:GPU:0" if list_physical_devices("GPU") else "",
    is_built_with_cuda=lambda: torch.version.cuda is not None,
    is_built_with_gpu_support=lambda: torch.version.cuda is not None,
    TestCase=__import__("unittest").TestCase,
    main=__import__("unittest").main,
)
sysconfig = Namespace(
    "sysconfig",
    get_build_info=lambda: {
        "cuda_version": torch.version.cuda,
        "is_cuda_build": torch.version.cuda is not None,
    },
)


def get_logger() -> logging.Logger:
    """The logger by the name of tensorflow, for levels that scripts set."""
    return logging.getLogger("tensorflow")


def timestamp(name: str | None = None) -> torch.Tensor:
    """Seconds since 1970."""
    return torch.tensor(time.time(), dtype=torch.float64)
