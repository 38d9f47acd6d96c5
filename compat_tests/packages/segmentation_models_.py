"""pip: segmentation-models efficientnet image-classifiers keras-applications scikit-image"""

import os

os.environ["SM_FRAMEWORK"] = "tf.keras"
import numpy as np
import segmentation_models as sm

x, y = (
    np.random.rand(2, 32, 32, 3).astype("float32"),
    (np.random.rand(2, 32, 32, 1) > 0.5).astype("float32"),
)
x = sm.get_preprocessing("resnet18")(x)
model = sm.Unet("resnet18", encoder_weights=None, classes=1, activation="sigmoid")
model.compile(
    "Adam",
    loss=sm.losses.bce_jaccard_loss,
    metrics=[sm.metrics.iou_score, sm.metrics.FScore(threshold=0.5)],
)
model.fit(x=x, y=y, batch_size=2, epochs=1, validation_data=(x, y), verbose=0)
assert sm.Linknet("mobilenetv2", encoder_weights=None, input_shape=(32, 32, 3)).predict(
    x, verbose=0
).shape == (2, 32, 32, 1)
assert sm.FPN(
    "efficientnetb0", encoder_weights=None, classes=3, activation="softmax", input_shape=(32, 32, 3)
).predict(x, verbose=0).shape == (2, 32, 32, 3)
total = sm.losses.DiceLoss() + (1 * sm.losses.BinaryFocalLoss())
assert float(total(y, y)) < 0.01
