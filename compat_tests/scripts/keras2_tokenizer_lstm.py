"""Tokenizer, padded sequences, a bidirectional LSTM."""

import numpy as np
from tensorflow.keras.layers import LSTM, Bidirectional, Dense, Embedding
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

texts = [
    "I love my dog",
    "I hate my cat!",
    "You love my dog, truly",
    "Do you think my dog is amazing?",
] * 6
labels = np.array([1, 0, 1, 1] * 6)
tokenizer = Tokenizer(num_words=50, oov_token="<OOV>")
tokenizer.fit_on_texts(texts)
padded = pad_sequences(
    tokenizer.texts_to_sequences(texts), maxlen=6, padding="post", truncating="post"
)
model = Sequential(
    [
        Embedding(50, 8, input_length=6, mask_zero=True),
        Bidirectional(LSTM(6, return_sequences=True)),
        Bidirectional(LSTM(4)),
        Dense(4, activation="relu"),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(padded, labels, epochs=2, shuffle=False, verbose=0)
matrix = tokenizer.texts_to_matrix(texts[:2], mode="binary")
results = {**history.history, "index": len(tokenizer.word_index), "matrix": float(matrix.sum())}
