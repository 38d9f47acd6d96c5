"""pip: keras-rectified-adam tensorflow-addons typeguard keras-swa keras-one-cycle-lr keras-lr-finder"""

import numpy as np
import tensorflow_addons as tfa
from tensorflow import keras

x, y = np.random.rand(32, 4).astype("float32"), np.random.rand(32, 1).astype("float32")
for optimizer in (
    tfa.optimizers.AdamW(weight_decay=1e-4),
    tfa.optimizers.RectifiedAdam(1e-3),
    tfa.optimizers.LAMB(),
    tfa.optimizers.LazyAdam(0.01),
    tfa.optimizers.Lookahead(keras.optimizers.legacy.SGD(0.01)),
    tfa.optimizers.SWA(keras.optimizers.legacy.SGD(0.01)),
    tfa.optimizers.NovoGrad(),
    tfa.optimizers.Yogi(),
):
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation=tfa.activations.mish, input_shape=(4,)),
            tfa.layers.WeightNormalization(keras.layers.Dense(4)),
            tfa.layers.GroupNormalization(groups=2),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer, "mse", metrics=[tfa.metrics.RSquare()])
    model.fit(
        x,
        y,
        epochs=2,
        verbose=0,
        callbacks=[tfa.callbacks.TQDMProgressBar(show_epoch_progress=False)],
    )
