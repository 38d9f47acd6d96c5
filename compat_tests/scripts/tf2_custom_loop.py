"""The custom training loop of TensorFlow's guides."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.RandomState(0)
x_train, y_train = rng.rand(64, 10).astype("float32"), rng.randint(0, 3, 64)
train_dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(16)
inputs = keras.Input(shape=(10,), name="digits")
outputs = keras.layers.Dense(3, name="predictions")(
    keras.layers.Dense(8, activation="relu")(inputs)
)
model = keras.Model(inputs=inputs, outputs=outputs)
optimizer = keras.optimizers.SGD(learning_rate=0.1)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_acc_metric = keras.metrics.SparseCategoricalAccuracy()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss_value = loss_fn(y, logits)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    train_acc_metric.update_state(y, logits)
    return loss_value


losses, accuracies = [], []
for epoch in range(3):
    for step, (x_batch_train, y_batch_train) in enumerate(train_dataset):
        loss_value = train_step(x_batch_train, y_batch_train)
    losses.append(float(loss_value))
    train_acc = train_acc_metric.result()
    accuracies.append(float(train_acc))
    print("Training acc over epoch: %.4f" % (float(train_acc),))
    train_acc_metric.reset_states()
results = {"losses": losses, "accuracies": accuracies}
