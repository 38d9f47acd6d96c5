"""pip: tf-keras-vis deprecated imageio scipy"""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tf_keras_vis.activation_maximization import ActivationMaximization
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

model = keras.Sequential(
    [
        layers.Input((16, 16, 3)),
        layers.Conv2D(6, 3, activation="relu", name="conv"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(4, activation="softmax", name="predictions"),
    ]
)
images = np.random.rand(2, 16, 16, 3).astype("float32")
score = CategoricalScore([1, 3])
saliency = Saliency(model, model_modifier=ReplaceToLinear(), clone=True)
assert saliency(score, images).shape == (2, 16, 16)
assert saliency(score, images, smooth_samples=3, smooth_noise=0.2).shape == (2, 16, 16)
assert Gradcam(model, ReplaceToLinear())(score, images, penultimate_layer=-1).shape == (2, 16, 16)
assert GradcamPlusPlus(model, ReplaceToLinear())(score, images, penultimate_layer="conv").shape == (
    2,
    16,
    16,
)
assert Scorecam(model)(score, images, penultimate_layer=-1).shape == (2, 16, 16)
maximize = ActivationMaximization(model, ReplaceToLinear(), clone=True)
assert maximize(CategoricalScore(2), steps=3).shape == (1, 16, 16, 3)
