"""pip: tensorflow-addons typeguard"""

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa
from tensorflow import keras

labels, emb = (
    np.array([0, 0, 1, 1]),
    tf.math.l2_normalize(np.random.rand(4, 3).astype("float32"), axis=1),
)
for loss in (
    tfa.losses.TripletSemiHardLoss(),
    tfa.losses.TripletHardLoss(),
    tfa.losses.LiftedStructLoss(),
):
    assert np.isfinite(float(loss(labels, emb)))
f1 = tfa.metrics.F1Score(num_classes=3, average="macro")
f1.update_state(np.eye(3)[[0, 1, 2]], np.eye(3)[[0, 1, 1]].astype("float32"))
assert 0 < float(f1.result()) < 1
kappa = tfa.metrics.CohenKappa(num_classes=3, sparse_labels=True)
kappa.update_state([0, 1, 2], [0, 1, 1])
clr = tfa.optimizers.TriangularCyclicalLearningRate(1e-4, 1e-2, step_size=10)
model = keras.Sequential(
    [
        keras.layers.Dense(3, input_shape=(3,)),
        tfa.layers.InstanceNormalization(),
        tfa.layers.Maxout(3),
    ]
)
model.compile(keras.optimizers.SGD(clr), "mse")
model.fit(np.ones((8, 3)), np.ones((8, 3)), verbose=0)
