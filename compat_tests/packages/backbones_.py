"""pip: efficientnet image-classifiers keras-efficientnet-v2 vit-keras validators
keras-applications scikit-image lazy_loader imageio tifffile
"""

import efficientnet.tfkeras as efn
import keras_efficientnet_v2
import numpy as np
from classification_models.tfkeras import Classifiers
from vit_keras import vit

x = np.random.rand(1, 32, 32, 3).astype("float32")
assert efn.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=5).predict(
    x, verbose=0
).shape == (1, 5)
ResNet18, preprocess = Classifiers.get("resnet18")
assert ResNet18((32, 32, 3), weights=None, classes=7).predict(preprocess(x), verbose=0).shape == (
    1,
    7,
)
SeResNet, _ = Classifiers.get("seresnet18")
assert SeResNet((32, 32, 3), weights=None, classes=7).predict(x, verbose=0).shape == (1, 7)
model = vit.vit_b32(
    image_size=32,
    activation="sigmoid",
    pretrained=False,
    include_top=True,
    pretrained_top=False,
    classes=4,
)
assert model.predict(x, verbose=0).shape == (1, 4)
assert keras_efficientnet_v2.EfficientNetV2B0(
    pretrained=None, input_shape=(32, 32, 3), num_classes=3
).predict(x, verbose=0).shape == (1, 3)
