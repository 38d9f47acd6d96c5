"""pip: keras-self-attention"""

import os

os.environ["TF_KERAS"] = "1"
import numpy as np
from keras_self_attention import ScaledDotProductAttention, SeqSelfAttention, SeqWeightedAttention
from tensorflow import keras

model = keras.models.Sequential()
model.add(keras.layers.Embedding(input_dim=50, output_dim=12, mask_zero=True))
model.add(keras.layers.Bidirectional(keras.layers.LSTM(units=6, return_sequences=True)))
model.add(
    SeqSelfAttention(
        attention_width=5,
        attention_type=SeqSelfAttention.ATTENTION_TYPE_MUL,
        attention_activation=None,
        kernel_regularizer=keras.regularizers.l2(1e-6),
        use_attention_bias=False,
        name="Attention",
    )
)
model.add(SeqSelfAttention(attention_activation="sigmoid"))
model.add(SeqWeightedAttention())
model.add(keras.layers.Dense(units=3, activation="softmax"))
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["categorical_accuracy"])
model.summary()
x = np.random.randint(1, 50, (16, 9))
model.fit(x, np.eye(3)[np.arange(16) % 3], epochs=2, verbose=0)
model.save("attention.h5")
again = keras.models.load_model(
    "attention.h5",
    custom_objects=SeqSelfAttention.get_custom_objects()
    | {"SeqWeightedAttention": SeqWeightedAttention},
)
assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
inputs = keras.layers.Input((5, 4))
assert keras.Model(inputs, ScaledDotProductAttention(return_attention=True)(inputs)).predict(
    np.ones((2, 5, 4)), verbose=0
)[1].shape == (2, 5, 5)
