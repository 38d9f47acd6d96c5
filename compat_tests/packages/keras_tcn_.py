"""pip: keras-tcn"""

import numpy as np
from tcn import TCN, tcn_full_summary
from tensorflow.keras import Input, Model, Sequential
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import load_model

x = np.random.rand(32, 20, 1)
y = x.mean(1)
tcn_layer = TCN(nb_filters=8, dilations=(1, 2, 4), input_shape=(20, 1), use_skip_connections=True)
assert tcn_layer.receptive_field == 1 + 2 * (3 - 1) * (1 + 2 + 4)
m = Sequential([tcn_layer, Dense(1)])
m.compile(optimizer="adam", loss="mse")
tcn_full_summary(m, expand_residual_blocks=False)
m.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
i = Input(shape=(20, 1))
o = TCN(nb_filters=6, return_sequences=True, use_layer_norm=True, dropout_rate=0.1)(i)
o = TCN(nb_filters=4, use_batch_norm=True, padding="same")(o)
model = Model(i, Dense(1)(o))
model.compile("adam", "mse")
model.fit(x, y, epochs=1, verbose=0)
model.save("tcn.h5")
again = load_model("tcn.h5", custom_objects={"TCN": TCN})
assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
