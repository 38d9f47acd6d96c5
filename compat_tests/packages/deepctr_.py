"""pip: deepctr scikit-learn pandas"""

import numpy as np
import pandas as pd
from deepctr.feature_column import DenseFeat, SparseFeat, get_feature_names
from deepctr.models import DCN, DeepFM, WDL, xDeepFM, AutoInt

data = pd.DataFrame({"C1": np.arange(32) % 5, "C2": np.arange(32) % 3, "I1": np.random.rand(32)})
columns = [
    SparseFeat(f, vocabulary_size=data[f].max() + 1, embedding_dim=4) for f in ("C1", "C2")
] + [DenseFeat("I1", 1)]
names = get_feature_names(columns + columns)
inputs = {name: data[name].values for name in names}
for build in (DeepFM, WDL, xDeepFM, AutoInt):
    model = build(columns, columns, task="binary")
    model.compile("adam", "binary_crossentropy", metrics=["binary_crossentropy"])
    history = model.fit(
        inputs, np.arange(32) % 2, batch_size=16, epochs=1, verbose=0, validation_split=0.2
    )
    assert model.predict(inputs, batch_size=16, verbose=0).shape == (32, 1)
