"""pip: shap lime eli5 slicer numba cloudpickle tabulate graphviz scikit-learn scikit-image tqdm"""

import numpy as np
import shap
from lime import lime_image, lime_tabular
from tensorflow import keras
from tensorflow.keras import layers

x = np.random.rand(40, 5).astype("float32")
model = keras.Sequential(
    [layers.Dense(6, activation="relu", input_shape=(5,)), layers.Dense(2, activation="softmax")]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, (x[:, 0] > 0.5).astype(int), verbose=0)
values = shap.GradientExplainer(model, x[:20]).shap_values(x[:2])
assert np.shape(values)[0] == 2
values = shap.KernelExplainer(lambda data: model.predict(data, verbose=0), x[:5]).shap_values(
    x[:1], nsamples=20, silent=True
)
explanation = lime_tabular.LimeTabularExplainer(x, mode="classification").explain_instance(
    x[0], lambda d: model.predict(d, verbose=0), num_features=3, num_samples=50
)
assert len(explanation.as_list()) == 3
