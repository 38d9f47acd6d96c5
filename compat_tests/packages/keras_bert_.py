"""pip: keras-bert keras-transformer keras-multi-head keras-pos-embd keras-layer-normalization
keras-embed-sim keras-position-wise-feed-forward keras-self-attention
"""

import os

os.environ["TF_KERAS"] = "1"
from keras_bert import (
    Tokenizer,
    compile_model,
    gen_batch_inputs,
    get_base_dict,
    get_model,
)

pairs = [[["all", "work"], ["no", "play"]], [["from", "the"], ["day", "one"]]]
token_dict = get_base_dict()
for pair in pairs:
    for token in pair[0] + pair[1]:
        token_dict.setdefault(token, len(token_dict))
tokens = list(token_dict)
model = get_model(
    token_num=len(token_dict),
    head_num=2,
    transformer_num=2,
    embed_dim=8,
    feed_forward_dim=16,
    seq_len=12,
    pos_num=12,
    dropout_rate=0.05,
)
compile_model(model)
model.summary()


def generator():
    while True:
        yield gen_batch_inputs(
            pairs, token_dict, tokens, seq_len=12, mask_rate=0.3, swap_sentence_rate=1.0
        )


model.fit(
    generator(),
    steps_per_epoch=2,
    epochs=1,
    validation_data=generator(),
    validation_steps=1,
    verbose=0,
)
inputs, output_layer = get_model(
    token_num=len(token_dict),
    head_num=2,
    transformer_num=2,
    embed_dim=8,
    feed_forward_dim=16,
    seq_len=12,
    pos_num=12,
    training=False,
    trainable=False,
)[:2]
assert Tokenizer(token_dict).encode("all", max_len=5)[0][0] == token_dict["[CLS]"]
