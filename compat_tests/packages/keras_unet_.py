"""pip: keras-unet scikit-learn matplotlib"""

import numpy as np
from keras_unet.losses import jaccard_distance
from keras_unet.metrics import dice_coef, iou, iou_thresholded
from keras_unet.models import custom_unet, satellite_unet
from keras_unet.utils import get_augmented
from tensorflow.keras.optimizers import Adam

x, y = np.random.rand(4, 32, 32, 3), (np.random.rand(4, 32, 32, 1) > 0.5).astype(float)
model = custom_unet(
    input_shape=(32, 32, 3),
    use_batch_norm=False,
    num_classes=1,
    filters=4,
    num_layers=2,
    dropout=0.2,
    output_activation="sigmoid",
)
model.compile(
    optimizer=Adam(), loss="binary_crossentropy", metrics=[iou, iou_thresholded, dice_coef]
)
gen = get_augmented(
    x,
    y,
    batch_size=2,
    data_gen_args=dict(
        rotation_range=15.0, width_shift_range=0.05, horizontal_flip=True, fill_mode="constant"
    ),
)
model.fit(gen, steps_per_epoch=2, epochs=1, validation_data=(x, y), verbose=0)
model.compile(optimizer="sgd", loss=jaccard_distance)
model.fit(x, y, verbose=0)
satellite_unet(input_shape=(32, 32, 3)).summary()
