"""Encoder and decoder LSTMs, with inference models that carry the states."""

import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Model

rng = np.random.RandomState(0)
tokens, latent = 6, 8
encoder_data = np.eye(tokens)[rng.randint(0, tokens, (24, 5))]
decoder_data = np.eye(tokens)[rng.randint(0, tokens, (24, 4))]
target = np.roll(decoder_data, -1, axis=1)
encoder_inputs = Input(shape=(None, tokens))
encoder_outputs, state_h, state_c = LSTM(latent, return_state=True)(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, tokens))
decoder_lstm = LSTM(latent, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(tokens, activation="softmax")
decoder_outputs = decoder_dense(decoder_outputs)
model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
history = model.fit(
    [encoder_data, decoder_data], target, batch_size=8, epochs=2, shuffle=False, verbose=0
)
encoder_model = Model(encoder_inputs, encoder_states)
state_inputs = [Input(shape=(latent,)), Input(shape=(latent,))]
outputs, h, c = decoder_lstm(decoder_inputs, initial_state=state_inputs)
decoder_model = Model([decoder_inputs] + state_inputs, [decoder_dense(outputs), h, c])
states = encoder_model.predict(encoder_data[:1], verbose=0)
word, decoded = np.zeros((1, 1, tokens)), []
for _ in range(3):
    out, h, c = decoder_model.predict([word] + list(states), verbose=0)
    decoded.append(int(out[0, -1].argmax()))
    word, states = np.eye(tokens)[decoded[-1]].reshape(1, 1, -1), [h, c]
results = {"loss": history.history["loss"], "decoded": decoded}
