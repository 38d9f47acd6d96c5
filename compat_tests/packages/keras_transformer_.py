"""pip: keras-transformer keras-multi-head keras-pos-embd keras-layer-normalization keras-embed-sim
keras-position-wise-feed-forward keras-self-attention
"""

import os

os.environ["TF_KERAS"] = "1"
import numpy as np
from keras_multi_head import MultiHeadAttention
from keras_pos_embd import TrigPosEmbedding
from keras_transformer import decode, get_model
from tensorflow import keras

token_dict = {
    t: i for i, t in enumerate(["<PAD>", "<START>", "<END>", "all", "work", "no", "play"])
}
model = get_model(
    token_num=7,
    embed_dim=8,
    encoder_num=1,
    decoder_num=1,
    head_num=2,
    hidden_dim=16,
    attention_activation="relu",
    feed_forward_activation="relu",
    dropout_rate=0.05,
    embed_weights=np.random.random((7, 8)),
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
model.summary()
enc, dec = [[1, 3, 4, 2, 0]] * 8, [[1, 5, 6, 2, 0]] * 8
out = [[[5], [6], [2], [0], [0]]] * 8
model.fit(x=[np.asarray(enc), np.asarray(dec)], y=np.asarray(out), epochs=1, verbose=0)
assert decode(model, enc[:1], start_token=1, end_token=2, pad_token=0, max_len=6)
inputs = keras.layers.Input((6, 8))
layer = MultiHeadAttention(head_num=2, name="Multi-Head")(
    TrigPosEmbedding(mode=TrigPosEmbedding.MODE_ADD)(inputs)
)
assert keras.Model(inputs, layer).predict(np.ones((1, 6, 8)), verbose=0).shape == (1, 6, 8)
