"""pip: spektral lxml"""

import numpy as np
from spektral.data import BatchLoader, Dataset, Graph
from spektral.layers import GATConv, GCNConv, GlobalSumPool
from tensorflow import keras


class Graphs(Dataset):
    def read(self):
        def make():
            n = 6
            return Graph(
                x=np.random.rand(n, 3).astype("float32"),
                a=np.eye(n, dtype="float32"),
                y=np.eye(2)[np.random.randint(2)],
            )

        return [make() for _ in range(16)]


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = GCNConv(8, activation="relu")
        self.gat = GATConv(4)
        self.pool = GlobalSumPool()
        self.dense = keras.layers.Dense(2, activation="softmax")

    def call(self, inputs):
        x, a = inputs
        return self.dense(self.pool(self.gat([self.conv([x, a]), a])))


loader = BatchLoader(Graphs(), batch_size=4)
model = Net()
model.compile("adam", "categorical_crossentropy")
model.fit(loader.load(), steps_per_epoch=loader.steps_per_epoch, epochs=1, verbose=0)
