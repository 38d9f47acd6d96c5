"""Actor and critic by a tape over a whole episode."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.RandomState(0)
num_inputs, num_actions, num_hidden, gamma = 4, 2, 16, 0.99
eps = np.finfo(np.float32).eps.item()
inputs = layers.Input(shape=(num_inputs,))
common = layers.Dense(num_hidden, activation="relu")(inputs)
action = layers.Dense(num_actions, activation="softmax")(common)
critic = layers.Dense(1)(common)
model = keras.Model(inputs=inputs, outputs=[action, critic])
optimizer, huber_loss = keras.optimizers.Adam(learning_rate=0.01), keras.losses.Huber()
losses = []
for episode in range(2):
    state, action_probs_history, critic_value_history, rewards_history = (
        rng.rand(num_inputs),
        [],
        [],
        [],
    )
    with tf.GradientTape() as tape:
        for timestep in range(6):
            state = tf.convert_to_tensor(state)
            state = tf.expand_dims(state, 0)
            action_probs, critic_value = model(state)
            critic_value_history.append(critic_value[0, 0])
            action = rng.choice(
                num_actions, p=np.squeeze(action_probs) / np.sum(np.squeeze(action_probs))
            )
            action_probs_history.append(tf.math.log(action_probs[0, action]))
            state, reward = rng.rand(num_inputs), float(action)
            rewards_history.append(reward)
        returns, discounted_sum = [], 0
        for r in rewards_history[::-1]:
            discounted_sum = r + gamma * discounted_sum
            returns.insert(0, discounted_sum)
        returns = np.array(returns)
        returns = ((returns - np.mean(returns)) / (np.std(returns) + eps)).tolist()
        actor_losses, critic_losses = [], []
        for log_prob, value, ret in zip(action_probs_history, critic_value_history, returns):
            actor_losses.append(-log_prob * (ret - value))
            critic_losses.append(huber_loss(tf.expand_dims(value, 0), tf.expand_dims(ret, 0)))
        loss_value = sum(actor_losses) + sum(critic_losses)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    losses.append(float(loss_value))
results = {"losses": losses}
