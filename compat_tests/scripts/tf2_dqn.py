"""Deep Q-learning with a target network."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.RandomState(0)
num_actions = 3


def create_q_model():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(12, activation="relu"),
            keras.layers.Dense(num_actions, activation="linear"),
        ]
    )


model, model_target = create_q_model(), create_q_model()
optimizer = keras.optimizers.Adam(learning_rate=0.00025, clipnorm=1.0)
loss_function = keras.losses.Huber()
losses = []
for frame in range(6):
    state_sample, state_next_sample = rng.rand(8, 4), rng.rand(8, 4)
    rewards_sample, done_sample = (
        rng.rand(8),
        tf.convert_to_tensor((rng.rand(8) < 0.2).astype(float)),
    )
    action_sample = rng.randint(0, num_actions, 8)
    future_rewards = model_target.predict(state_next_sample, verbose=0)
    updated_q_values = rewards_sample + 0.99 * tf.reduce_max(future_rewards, axis=1).numpy()
    updated_q_values = updated_q_values * (1 - done_sample.numpy()) - done_sample.numpy()
    masks = tf.one_hot(action_sample, num_actions)
    with tf.GradientTape() as tape:
        q_values = model(state_sample)
        q_action = tf.reduce_sum(tf.multiply(q_values, masks), axis=1)
        loss = loss_function(updated_q_values, q_action)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    losses.append(loss.numpy())
    if frame % 3 == 0:
        model_target.set_weights(model.get_weights())
    action_probs = model(tf.expand_dims(tf.convert_to_tensor(state_sample[0]), 0), training=False)
    action = tf.argmax(action_probs[0]).numpy()
results = {"losses": [float(v) for v in losses], "action": int(action)}
