"""pip: keras-tuner kt-legacy"""

import keras_tuner as kt
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers


def build_model(hp):
    model = keras.Sequential()
    model.add(layers.Flatten())
    for i in range(hp.Int("num_layers", 1, 2)):
        model.add(
            layers.Dense(
                hp.Int(f"units_{i}", 4, 12, step=4),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(3, activation="softmax"))
    rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


x, y = np.random.rand(48, 4, 2), keras.utils.to_categorical(np.arange(48) % 3, 3)
build_model(kt.HyperParameters())
for tuner in (
    kt.RandomSearch(
        build_model,
        objective="val_accuracy",
        max_trials=2,
        executions_per_trial=1,
        overwrite=True,
        directory="my_dir",
        project_name="random",
    ),
    kt.Hyperband(
        build_model,
        objective="val_accuracy",
        max_epochs=2,
        directory="my_dir",
        project_name="hyperband",
    ),
    kt.BayesianOptimization(
        build_model,
        objective=kt.Objective("val_loss", "min"),
        max_trials=2,
        directory="my_dir",
        project_name="bayes",
    ),
):
    tuner.search_space_summary()
    tuner.search(
        x,
        y,
        epochs=1,
        validation_data=(x, y),
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=3)],
    )
    best_hps = tuner.get_best_hyperparameters(num_trials=1)[0]
    assert best_hps.get("num_layers") in (1, 2)
    model = tuner.get_best_models(num_models=1)[0]
    model.build(input_shape=(None, 4, 2))
    assert model.predict(x, verbose=0).shape == (48, 3)
    tuner.results_summary()
    tuner.hypermodel.build(best_hps).fit(x, y, epochs=1, verbose=0)
