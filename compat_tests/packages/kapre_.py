"""pip: kapre librosa soundfile audioread pooch decorator soxr msgpack platformdirs
lazy_loader
"""

import numpy as np
from kapre import STFT, Magnitude, MagnitudeToDecibel
from kapre.composed import get_melspectrogram_layer
from tensorflow.keras import Sequential, layers

x = np.random.rand(2, 4000, 1).astype("float32")
model = Sequential()
model.add(
    STFT(
        n_fft=512,
        win_length=400,
        hop_length=200,
        window_name=None,
        pad_end=False,
        input_data_format="channels_last",
        output_data_format="channels_last",
        input_shape=(4000, 1),
    )
)
model.add(Magnitude())
model.add(MagnitudeToDecibel())
model.add(layers.Conv2D(4, (3, 3), strides=(2, 2)))
model.add(layers.GlobalAveragePooling2D())
model.add(layers.Dense(2, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, np.array([0, 1]), verbose=0)
mel = get_melspectrogram_layer(
    input_shape=(4000, 1), n_fft=512, n_mels=20, sample_rate=8000, return_decibel=True
)
assert Sequential([mel]).predict(x, verbose=0).shape[-2:] == (20, 1)
