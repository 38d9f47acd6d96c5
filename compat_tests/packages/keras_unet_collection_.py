"""pip: keras-unet-collection"""

import numpy as np
from keras_unet_collection import losses, models
from tensorflow import keras

x, y = (
    np.random.rand(2, 32, 32, 3).astype("float32"),
    np.eye(2)[np.random.randint(0, 2, (2, 32, 32))].astype("float32"),
)
for model in (
    models.unet_2d(
        (32, 32, 3),
        [4, 8, 16],
        n_labels=2,
        stack_num_down=2,
        stack_num_up=1,
        activation="GELU",
        output_activation="Softmax",
        batch_norm=True,
        pool="max",
        unpool="nearest",
        name="unet",
    ),
    models.att_unet_2d(
        (32, 32, 3),
        [4, 8, 16],
        n_labels=2,
        activation="ReLU",
        atten_activation="ReLU",
        attention="add",
        output_activation="Softmax",
        batch_norm=True,
        pool=False,
        unpool=False,
        name="attunet",
    ),
    models.unet_plus_2d(
        (32, 32, 3),
        [4, 8, 16],
        n_labels=2,
        activation="LeakyReLU",
        output_activation="Softmax",
        deep_supervision=False,
        name="plus",
    ),
    models.transunet_2d(
        (32, 32, 3),
        filter_num=[4, 8, 16],
        n_labels=2,
        embed_dim=8,
        num_mlp=8,
        num_heads=2,
        num_transformer=1,
        name="trans",
    ),
):
    model.compile(
        loss=[losses.dice, losses.focal_tversky][0],
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    )
    model.fit(x, y, verbose=0)
