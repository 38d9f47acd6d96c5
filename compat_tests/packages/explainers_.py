"""pip: shap lime slicer numba llvmlite cloudpickle scikit-image"""

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


def predict(data):
    return model.predict(data, verbose=0)


values = shap.KernelExplainer(predict, x[:5]).shap_values(x[:1], nsamples=20, silent=True)
assert np.shape(values)[-2:] == (5, 2)
explainer = lime_tabular.LimeTabularExplainer(x, mode="classification")
assert len(explainer.explain_instance(x[0], predict, num_features=3, num_samples=50).as_list()) == 3
classifier = keras.Sequential(
    [layers.Flatten(input_shape=(24, 24, 3)), layers.Dense(2, activation="softmax")]
)
explanation = lime_image.LimeImageExplainer().explain_instance(
    np.random.rand(24, 24, 3),
    lambda images: classifier.predict(images, verbose=0),
    num_samples=20,
)
assert explanation.get_image_and_mask(explanation.top_labels[0])[1].shape == (24, 24)
