"""pip: keract keras-sequential-ascii livelossplot tf-explain ipython"""

import keract
import numpy as np
from keras_sequential_ascii import keras2ascii
from livelossplot import PlotLossesKeras
from livelossplot.outputs import ExtremaPrinter
from tensorflow import keras
from tensorflow.keras import layers
from tf_explain.core.grad_cam import GradCAM
from tf_explain.core.integrated_gradients import IntegratedGradients
from tf_explain.core.occlusion_sensitivity import OcclusionSensitivity
from tf_explain.core.smoothgrad import SmoothGrad

model = keras.Sequential(
    [
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3), name="conv"),
        layers.Flatten(),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
x, y = np.random.rand(8, 8, 8, 3).astype("float32"), np.eye(2)[np.arange(8) % 2]
activations = keract.get_activations(model, x[:2], auto_compile=True)
assert activations["conv"].shape == (2, 6, 6, 4)
keras2ascii(model)

model.fit(
    x,
    y,
    validation_data=(x, y),
    epochs=2,
    verbose=0,
    callbacks=[PlotLossesKeras(outputs=[ExtremaPrinter()])],
)
assert GradCAM().explain((x, None), model, class_index=1, layer_name="conv").ndim == 3
assert SmoothGrad().explain((x[:1], None), model, 1, 3, 1.0).ndim >= 2
assert OcclusionSensitivity().explain((x[:1], None), model, 0, 4).ndim == 3
assert IntegratedGradients().explain((x[:1], None), model, 0, n_steps=4).ndim >= 2
