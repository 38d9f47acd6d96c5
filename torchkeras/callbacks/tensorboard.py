"""`TensorBoard`: scalars, histograms, images, the model and profiles as TensorBoard reads them."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch

from ..arrays import to_numpy
from ..config import image_data_format
from ..layers import Embedding
from ..names import module_name
from ..weighted import weights_of
from .base import Callback

_NO_EFFECT = ("write_grads", "embeddings_layer_names", "embeddings_data", "batch_size")


class TensorBoard(Callback):
    """Writes what TensorBoard shows into `log_dir`, under 'train' and 'validation'.

    Epochs give `epoch_loss` and its like; with `update_freq` 'batch' or a number of batches there
    is `batch_loss` too. Every `histogram_freq` epochs the weights are written as histograms, with
    `write_images` as images. `write_graph` writes the model's config as TensorBoard's Keras graph.
    `write_steps_per_second` adds speeds. `profile_batch`, a number or a pair, profiles these
    batches of the run, counted from 1, with `torch.profiler`. Every `embeddings_freq` epochs the
    vectors of all `Embedding` layers are written; `embeddings_metadata` names a file of labels, or
    one for each layer's name. Needs the package tensorboard.
    """

    _resumes = ("_train_step", "_test_step", "_global_train_batch")

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
        **kwargs: Any,
    ):
        super().__init__()
        unknown = sorted(set(kwargs) - set(_NO_EFFECT))
        if unknown:
            raise ValueError(
                f"Unrecognized arguments in `TensorBoard` Callback: {unknown}. Supported kwargs "
                f"are: {list(_NO_EFFECT)}, which have no effect."
            )
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (not _is_count(self.update_freq)):
            raise ValueError(
                f"update_freq must be 'batch', 'epoch' or a positive integer; received "
                f"{update_freq!r}."
            )
        self.embeddings_freq, self.embeddings_metadata = embeddings_freq, embeddings_metadata
        self._start_batch, self._stop_batch = _batches_to_profile(profile_batch)
        self._writers: dict[str, Any] = {}
        self._profiler: Any = None
        self._train_step = self._global_train_batch = 0

    def _batch_hook(self, name):
        wanted = self.update_freq != "epoch" or self.write_steps_per_second or self._stop_batch
        return super()._batch_hook(name) if wanted else None

    # --- hooks -----------------------------------------------------------------------------

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        self._graph_written = not self.write_graph
        if self.embeddings_freq:
            self._describe_embeddings()

    def on_train_begin(self, logs: Any = None) -> None:
        self._train_step = self._global_train_batch = 0
        self._write_graph()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._global_train_batch += 1
        self._batch_began = time.time()
        if self._stop_batch and self._global_train_batch == self._start_batch:
            self._profiler = torch.profiler.profile()
            self._profiler.start()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._train_step += 1
        if self._profiler is not None and self._global_train_batch >= self._stop_batch:
            self._stop_profiler()
        if self.update_freq == "epoch" or self._train_step % self.update_freq:
            return
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        if self.write_steps_per_second:
            seconds = max(time.time() - self._batch_began, 1e-9)
            values["batch_steps_per_second"] = 1.0 / seconds
        self._scalars("train", values, self._train_step)

    def on_test_end(self, logs: Any = None) -> None:
        iterations = getattr(self.model.optimizer, "iterations", None)
        if iterations is not None:
            named = {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()}
            self._scalars("validation", named, int(iterations))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_began = time.time()
        self._steps_before = int(getattr(self.model.optimizer, "iterations", 0))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._write_graph()
        train = {k: v for k, v in (logs or {}).items() if not k.startswith("val_")}
        validation = {k[4:]: v for k, v in (logs or {}).items() if k.startswith("val_")}
        if getattr(self.model.optimizer, "_schedule", None) is not None:
            train["learning_rate"] = float(self.model.optimizer.lr)
        if self.write_steps_per_second:
            seconds = max(time.time() - self._epoch_began, 1e-9)
            steps = int(getattr(self.model.optimizer, "iterations", 0)) - self._steps_before
            train["steps_per_second"] = steps / seconds
        for name, values in (("train", train), ("validation", validation)):
            self._scalars(name, {f"epoch_{k}": v for k, v in values.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)

    def on_train_end(self, logs: Any = None) -> None:
        self._abandon()

    def _abandon(self):
        if self._profiler is not None:
            self._stop_profiler()
        self._close()

    # --- writing ---------------------------------------------------------------------------

    def _writer(self, name):
        if name not in self._writers:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "The TensorBoard callback needs the package tensorboard: pip install "
                    f"tensorboard ({error})."
                ) from error
            self._writers[name] = SummaryWriter(os.path.join(self.log_dir, name))
        return self._writers[name]

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _scalars(self, name, values, step):
        for tag, value in values.items():
            if np.ndim(value) == 0:
                self._writer(name).add_scalar(tag, float(value), step)

    def _write_weights(self, epoch):
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight in weights_of(layer):
                name, value = weight.name.replace(":", "_"), to_numpy(weight.value)
                if np.isfinite(value).all():
                    writer.add_histogram(f"{name}/histogram", value, epoch)
                image = _as_image(value) if self.write_images else None
                if image is not None:
                    writer.add_images(f"{name}/image", image, epoch, dataformats="NHWC")
        writer.flush()

    def _write_graph(self):
        """The model's config, which TensorBoard shows as the Keras graph."""
        if self._graph_written or getattr(self.model, "_graph", None) is None:
            return
        self._graph_written = True
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        try:
            text = self.model.to_json().encode()
        except (ValueError, TypeError, NotImplementedError):  # plain torch modules have no config
            return
        kind = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        value = Summary.Value(
            tag="keras",
            metadata=SummaryMetadata(plugin_data=kind),
            tensor=TensorProto(dtype=DT_STRING, string_val=[text]),
        )
        self._writer("train").file_writer.add_summary(Summary(value=[value]), 0)

    def _stop_profiler(self):
        profiler, self._profiler = self._profiler, None
        profiler.stop()
        folder = os.path.join(
            self.log_dir, "plugins", "profile", time.strftime("%Y_%m_%d_%H_%M_%S")
        )
        os.makedirs(folder, exist_ok=True)
        profiler.export_chrome_trace(os.path.join(folder, "batches.pt.trace.json"))

    # --- embeddings --------------------------------------------------------------------------

    def _embeddings(self):
        return [layer for layer in self.model.modules() if isinstance(layer, Embedding)]

    def _describe_embeddings(self):
        """The file that tells TensorBoard's projector where vectors and labels are."""
        metadata = self.embeddings_metadata
        names = [layer.name for layer in self._embeddings()]
        if isinstance(metadata, dict) and set(metadata) - set(names):
            raise ValueError(
                "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` "
                f"`embeddings_metadata` argument: {sorted(set(metadata) - set(names))}; the model "
                f"has {names}."
            )
        lines = []
        for name in names:
            labels = metadata.get(name) if isinstance(metadata, dict) else metadata
            lines += ["embeddings {", f'  tensor_name: "{name}"']
            lines += [f'  tensor_path: "{os.path.join("train", _file_of(name))}"']
            lines += [f'  metadata_path: "{labels}"'] if labels else []
            lines += ["}"]
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w") as file:
            file.write("\n".join(lines) + "\n")

    def _write_embeddings(self, epoch):
        os.makedirs(os.path.join(self.log_dir, "train"), exist_ok=True)
        for layer in self._embeddings():
            path = os.path.join(self.log_dir, "train", _file_of(module_name(layer)))
            np.savetxt(path, layer.embeddings.numpy(), delimiter="\t", fmt="%.7g")


def _file_of(name):
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name) + "-vectors.tsv"


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _batches_to_profile(given):
    """First and last batch, 0 and 0 for none."""
    parts = given
    try:
        if isinstance(given, str):
            parts = [int(part) for part in given.split(",")]
            parts = parts[0] if len(parts) == 1 else parts
        start, stop = (parts, parts) if isinstance(parts, int) else parts
        if start < 0 or stop < start or not isinstance(start, int) or not isinstance(stop, int):
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            "profile_batch must be a non-negative integer or 2-tuple of positive integers. A pair "
            f"of positive integers signifies a range of batches to profile. Found: {given!r}"
        ) from None
    return start, stop


def _as_image(value):
    """A weight as images (count, height, width, 1), numbers from 0 to 1; None for other ranks."""
    value = np.squeeze(value)
    if value.ndim == 1:
        value = value.reshape(1, -1, 1, 1)
    elif value.ndim == 2:
        value = (value.T if value.shape[0] > value.shape[1] else value)[None, :, :, None]
    elif value.ndim == 3:
        if image_data_format() == "channels_last":
            value = value.transpose(2, 0, 1)
        value = value[..., None]
    if value.ndim != 4 or value.shape[-1] not in (1, 3, 4):
        return None
    return np.clip(value, 0.0, 1.0).astype("float32")
