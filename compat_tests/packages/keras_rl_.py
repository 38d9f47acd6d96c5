"""pip: keras-rl2"""

import numpy as np
from rl.agents.dqn import DQNAgent
from rl.core import Env
from rl.memory import SequentialMemory
from rl.policy import BoltzmannQPolicy
from tensorflow.keras.layers import Activation, Dense, Flatten
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers.legacy import Adam


class Walk(Env):
    def reset(self):
        self.place, self.steps = 0.0, 0
        return np.array([self.place])

    def step(self, action):
        self.place += 0.1 if action else -0.1
        self.steps += 1
        return np.array([self.place]), self.place, self.steps >= 10, {}


model = Sequential(
    [Flatten(input_shape=(1, 1)), Dense(8), Activation("relu"), Dense(2), Activation("linear")]
)
dqn = DQNAgent(
    model=model,
    nb_actions=2,
    memory=SequentialMemory(limit=500, window_length=1),
    nb_steps_warmup=10,
    target_model_update=1e-2,
    policy=BoltzmannQPolicy(),
)
dqn.compile(Adam(learning_rate=1e-3), metrics=["mae"])
dqn.fit(Walk(), nb_steps=40, visualize=False, verbose=0)
dqn.test(Walk(), nb_episodes=1, visualize=False, verbose=0)
