"""pip: scikeras scikit-learn"""

import numpy as np
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tensorflow import keras

X = np.random.RandomState(0).rand(90, 4).astype("float32")
y = (X[:, 0] + X[:, 1] > 1).astype(int) + (X[:, 2] > 0.8)


def get_model(hidden_layer_dim, meta):
    model = keras.models.Sequential()
    model.add(keras.layers.Input(shape=(meta["n_features_in_"],)))
    model.add(keras.layers.Dense(hidden_layer_dim, activation="relu"))
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    return model


clf = KerasClassifier(
    get_model,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    optimizer__learning_rate=0.01,
    hidden_layer_dim=10,
    epochs=3,
    verbose=0,
)
clf.fit(X, y)
assert clf.predict_proba(X).shape == (90, 3) and clf.predict(X).shape == (90,)
pipe = Pipeline([("scale", StandardScaler()), ("clf", clf)])
search = GridSearchCV(
    pipe, {"clf__hidden_layer_dim": [4, 8], "clf__optimizer__learning_rate": [0.01, 0.1]}, cv=2
)
search.fit(X, y)
assert set(search.best_params_) == {"clf__hidden_layer_dim", "clf__optimizer__learning_rate"}


def regressor():
    model = keras.Sequential([keras.layers.Dense(8, input_shape=(4,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd")
    return model


assert (
    len(cross_val_score(KerasRegressor(model=regressor, epochs=2, verbose=0), X, X.sum(1), cv=3))
    == 3
)
