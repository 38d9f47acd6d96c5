"""pip: visualkeras aggdraw"""

import visualkeras
from tensorflow.keras import Sequential, layers

model = Sequential(
    [
        layers.InputLayer(input_shape=(32, 32, 3)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        visualkeras.SpacingDummyLayer(spacing=20),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
image = visualkeras.layered_view(
    model, legend=False, type_ignore=[layers.Dropout], to_file="layers.png"
)
assert image.size[0] > 50
assert (
    visualkeras.graph_view(Sequential([layers.Dense(3, input_shape=(2,)), layers.Dense(1)])).size[0]
    > 10
)
