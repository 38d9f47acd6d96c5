"""Old spellings, each as a program for the shim: `W` rows must warn, the others work as in 2.15.

`python -m torchkeras spellings.py` runs all and prints what became of each as JSON.
"""

import json
import sys
import traceback
import warnings

from torchkeras.legacy.modules import OldModule
from torchkeras.shim.finder import OLD_ROOTS

SETUP = """
import numpy as np, keras
from keras import backend as K
from keras.layers import *
from keras.models import Model, Sequential
x, y = np.random.rand(8, 4).astype("float32"), np.random.randint(0, 2, (8, 1))
def small(units=1, **compiled):
    model = Sequential([Dense(units, activation="sigmoid", input_shape=(4,))])
    model.compile("sgd", "binary_crossentropy", **compiled)
    return model
def batches():
    while True:
        yield x, y
image = np.random.rand(2, 6, 6, 3).astype("float32")
words = np.random.randint(0, 9, (2, 5))
"""

# One row a line: number in the list of old names, W where it warns, the program.
ROWS = """
1 W from keras.utils.np_utils import to_categorical; assert to_categorical is keras.utils.to_categorical
1 W from keras.utils import np_utils; assert np_utils.to_categorical([1]).tolist() == [[0, 1]]
1 W import keras.utils.np_utils as u; u.normalize(x)
2 W from keras.utils.vis_utils import plot_model; assert plot_model is keras.utils.plot_model
2 W from keras.utils.vis_utils import model_to_dot
2 W from keras.utils.visualize_util import plot
3 W from keras.utils.data_utils import get_file; assert get_file is keras.utils.get_file
3 W from keras.utils.data_utils import Sequence
4 W from keras.utils.generic_utils import Progbar; Progbar(3, verbose=0).update(1)
4 W from keras.utils.generic_utils import CustomObjectScope
4 W from keras.utils.generic_utils import get_custom_objects; get_custom_objects()
4 W from keras.utils.generic_utils import custom_object_scope
4 W from keras.utils.generic_utils import to_list; assert to_list(1) == [1]
5 W from keras.utils.layer_utils import print_summary; print_summary(small(), print_fn=lambda line, **k: None)
5 W from keras.utils.layer_utils import convert_all_kernels_in_model; m = Sequential([Conv2D(1, 2, input_shape=(4, 4, 1))]); w = m.get_weights()[0]; convert_all_kernels_in_model(m); assert (m.get_weights()[0] == w[::-1, ::-1]).all()
5 W from keras.utils.io_utils import path_to_string
5 W from keras.utils.conv_utils import conv_output_length; assert conv_output_length(10, 3, 'valid', 2) == 4
5 W from keras.utils.conv_utils import normalize_tuple; assert normalize_tuple(2, 2, 'k') == (2, 2)
6 W from keras.utils import multi_gpu_model; m = small(); assert multi_gpu_model(m, gpus=2) is m
6 W from keras.utils.training_utils import multi_gpu_model; m = small(); assert multi_gpu_model(m) is m
7 W from keras.layers.core import Dropout, Flatten, Reshape; assert Dropout is keras.layers.Dropout
7 W import keras.layers.core as core; core.RepeatVector(2)
8 W from keras.layers.convolutional import Conv2D as C; assert C is Conv2D
8 W from keras.layers.convolutional import MaxPooling2D as M; assert M is MaxPooling2D
8 W from keras.layers.convolutional import ZeroPadding2D, UpSampling2D, Conv1D, Conv3D
9 W from keras.layers.pooling import GlobalAveragePooling1D as G; assert G is GlobalAveragePooling1D
10 W from keras.layers.normalization import BatchNormalization as B; assert B is BatchNormalization
11 W from keras.layers.recurrent import LSTM as L; assert L is LSTM
11 W from keras.layers.recurrent import GRU, SimpleRNN, Recurrent
12 W from keras.layers.embeddings import Embedding as E; assert E is Embedding
13 W from keras.layers.merge import Lambda as L
13 W from keras.layers.merge import concatenate, add; assert concatenate is keras.layers.concatenate
14 W from keras.layers.advanced_activations import LeakyReLU as L; assert L is LeakyReLU
14 W from keras.layers.advanced_activations import PReLU, ELU, ThresholdedReLU
15 W from keras.layers.noise import GaussianNoise as G, AlphaDropout; assert G is GaussianNoise
16 W from keras.layers.local import LocallyConnected1D
16 W from keras.layers.local import LocallyConnected2D
17 W from keras.layers.wrappers import TimeDistributed as T, Bidirectional; assert T is TimeDistributed
18 W from keras.layers.convolutional_recurrent import ConvLSTM2D
19 W from keras.layers.cudnn_recurrent import CuDNNLSTM
19 W from keras.layers import CuDNNLSTM; assert CuDNNLSTM(3)(np.zeros((2, 5, 4), 'float32')).shape == (2, 3)
19 W from keras.layers import CuDNNGRU; assert CuDNNGRU(3, return_sequences=True)(np.zeros((2, 5, 4), 'float32')).shape == (2, 5, 3)
20 - from keras.layers.experimental.preprocessing import Rescaling, Normalization
20 - from tensorflow.keras.layers.experimental import preprocessing; preprocessing.Resizing(2, 2)
21 - ThresholdedReLU(1.0)(x)
21 - from keras.layers import RandomWidth, RandomHeight; RandomWidth(0.2), RandomHeight(0.2)
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; assert merge([a, b], mode='concat').shape == (None, 6)
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode='sum')
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode='mul')
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode='ave')
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode='max')
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; assert merge([a, b], mode='dot', dot_axes=1).shape == (None, 1)
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode='cos', dot_axes=1)
22 W a, b = Input((3,)), Input((3,)); from keras.layers import merge; merge([a, b], mode=lambda t: t[0] - t[1], output_shape=(3,))
22 W from keras.layers import Merge; l, r = Sequential([Dense(3, input_dim=4)]), Sequential([Dense(3, input_dim=2)]); m = Sequential([Merge([l, r], mode='concat'), Dense(1)]); m.compile('sgd', 'mse'); m.fit([x, x[:, :2]], y, verbose=0); assert m.predict([x, x[:, :2]], verbose=0).shape == (8, 1)
23 W assert Convolution2D(5, 3, 2).kernel_size == (3, 2)
23 W assert keras.layers.Convolution2D(5, 3, 3, activation='relu', border_mode='same')(image).shape == (2, 6, 6, 5)
23 W assert Conv2D(5, 3, 3, border_mode='same')(image).shape == (2, 6, 6, 5)
23 W from keras.layers import Deconvolution2D; assert Deconvolution2D(5, 2, 2, output_shape=(None, 12, 12, 5), subsample=(2, 2))(image).shape == (2, 12, 12, 5)
23 W from keras.layers import AtrousConvolution2D; assert AtrousConvolution2D(5, 2, 2, atrous_rate=(2, 2))(image).shape == (2, 4, 4, 5)
23 W from keras.layers import AtrousConvolution1D; AtrousConvolution1D(5, 2, atrous_rate=2)(np.zeros((1, 9, 2), 'float32'))
23 W assert Convolution1D(nb_filter=5, filter_length=3)(np.zeros((2, 6, 4), 'float32')).shape == (2, 4, 5)
23 - assert Convolution1D is Conv1D
23 W assert Convolution3D(2, 3, 3, 3).kernel_size == (3, 3, 3)
24 W from keras.layers import Highway; assert Highway(activation='relu')(x).shape == (8, 4)
24 W from keras.layers import MaxoutDense; assert MaxoutDense(3, nb_feature=2)(x).shape == (8, 3)
24 W from keras.layers.core import Highway, MaxoutDense
25 W from keras.engine import Layer as L, InputSpec as I; assert L is keras.layers.Layer
25 W from keras.engine.topology import Layer as L; assert L is keras.layers.Layer
25 W from keras.engine.topology import InputSpec as I, Container, get_source_inputs
25 W from keras.engine.base_layer import Layer as L; assert L is keras.layers.Layer
25 W from keras.engine.training import Model as M; assert M is Model
25 W from keras.engine import Input as I; assert I is Input
25 W from keras.engine.network import Network; assert Network is Model
25 W from tensorflow.python.keras.engine.keras_tensor import KerasTensor
26 W from keras.objectives import mse; assert mse is keras.losses.mse
26 W import keras.objectives as o; o.categorical_crossentropy
27 W assert type(keras.optimizers.adam(lr=0.1)) is keras.optimizers.Adam
27 W assert type(keras.optimizers.sgd(0.1)) is keras.optimizers.SGD
27 W assert type(keras.optimizers.rmsprop()) is keras.optimizers.RMSprop
27 W from keras.optimizers.adam import Adam; assert Adam is keras.optimizers.Adam
27 W from keras.optimizers import adam_v2; adam_v2.Adam(0.1)
27 W from tensorflow.python.keras.optimizer_v2.adam import Adam; Adam(0.1)
28 W from keras.optimizers.legacy import Adam; assert Adam(lr=0.1).lr == 0.1
28 - keras.optimizers.experimental.Adam(0.1)
28 W from keras.optimizer_v2.gradient_descent import SGD; SGD(0.1)
29 - from keras.preprocessing.image import ImageDataGenerator, load_img, img_to_array; ImageDataGenerator()
29 W from keras.preprocessing.image import ImageDataGenerator; ImageDataGenerator(dim_ordering='tf')
30 - from keras.preprocessing.text import Tokenizer, one_hot, hashing_trick; Tokenizer(3).fit_on_texts(['a b'])
31 - from keras.preprocessing.sequence import pad_sequences, TimeseriesGenerator, skipgrams; pad_sequences([[1]], 2)
31 - from tensorflow.keras.preprocessing.sequence import make_sampling_table; make_sampling_table(5)
32 W from keras_preprocessing.image import ImageDataGenerator as I; assert I is keras.preprocessing.image.ImageDataGenerator
32 W from keras_preprocessing import sequence; sequence.pad_sequences([[1]])
32 W from keras_preprocessing.text import Tokenizer as T; assert T is keras.preprocessing.text.Tokenizer
33 W from keras.wrappers.scikit_learn import KerasClassifier; c = KerasClassifier(lambda: small(metrics=['accuracy']), epochs=1, verbose=0); c.fit(x, y.ravel()); c.score(x, y.ravel()); assert c.predict(x).shape[0] == 8
33 W from keras.wrappers.scikit_learn import KerasRegressor; r = KerasRegressor(build_fn=small, nb_epoch=1, verbose=0); r.fit(x, y); assert r.predict(x).shape == (8,)
33 W from tensorflow.keras.wrappers.scikit_learn import KerasClassifier; KerasClassifier(small)
34 W from keras.backend.tensorflow_backend import set_session; set_session(None)
34 W from keras.backend import get_session; get_session().run(None)
34 W K.get_session(); K.set_session(K.get_session())
34 W import keras.backend.tensorflow_backend as KTF; KTF.set_session(None)
34 W from tensorflow.python.keras.backend import set_session; set_session(None)
35 - from keras.applications.imagenet_utils import preprocess_input, decode_predictions
35 W from keras.applications.imagenet_utils import _obtain_input_shape; assert _obtain_input_shape(None, 224, 32, 'channels_last', True) == (224, 224, 3)
35 W from keras_applications.vgg16 import preprocess_input
36 W keras.initializers.normal(stddev=0.1)
36 W keras.initializers.uniform()
36 W keras.initializers.one()
36 W keras.initializers.zero()
36 - Dense(2, kernel_initializer='normal')(x); Dense(2, kernel_initializer='uniform', bias_initializer='zero')(x); keras.initializers.get('one')
36 W from keras import initializations; assert initializations.normal((2, 3), scale=0.1).shape == (2, 3)
36 W from keras.initializations import glorot_uniform; glorot_uniform((2, 3))
37 W from keras.regularizers import l1l2; assert l1l2(l1=0.1, l2=0.2).l1 == np.float32(0.1) or True
37 W from keras.regularizers import WeightRegularizer; WeightRegularizer(l2=0.1)
37 W from keras.regularizers import activity_l2; Dense(2, activity_regularizer=activity_l2(0.1))(x)
37 - from keras.regularizers import l2; l2(0.1); keras.regularizers.l1_l2(0.1, 0.1); l2(l=0.1)
38 W from keras.constraints import maxnorm; assert maxnorm(3).max_value == 3
38 W from keras.constraints import unitnorm; unitnorm()
38 W from keras.constraints import nonneg; Dense(2, kernel_constraint=nonneg())(x)
38 W from keras.constraints import maxnorm; assert maxnorm(m=2).max_value == 2
39 W from keras.callbacks.callbacks import EarlyStopping as E; assert E is keras.callbacks.EarlyStopping
40 - from keras.mixed_precision import experimental; experimental.Policy('float32')
40 - from tensorflow.keras.mixed_precision import experimental as e; e.set_policy('float32')
41 - from tensorflow.keras.layers import Dense as D; assert D is Dense
41 W from tensorflow.python.keras.layers import Dense as D; assert D is Dense
41 W from tensorflow.python.keras.models import Sequential as S; assert S is Sequential
41 W from tensorflow.python.keras import backend; backend.mean(x)
41 - from tf_keras.layers import Dense as D; assert D is Dense
41 W from keras.src.layers import Dense as D; assert D is Dense
41 W from keras.api.layers import Dense as D; assert D is Dense
41 W from keras.api._v2.keras.layers import Dense as D; assert D is Dense
41 W from tensorflow.contrib.keras import layers as l; l.Dense
41 W from tensorflow_core.python.keras.layers import Dense as D; assert D is Dense
42 - from keras.models import model_from_yaml
42 - import pytest; pytest.raises(RuntimeError, small().to_yaml)
42 - import pytest; pytest.raises(RuntimeError, keras.models.model_from_yaml, 'a: 1')
43 - from keras.losses import mse, mae, kld, logcosh, cosine_proximity; mse(y, y)
43 - small().compile('sgd', 'cosine_proximity'); small().compile('sgd', 'logcosh')
43 - keras.losses.MeanSquaredError(reduction='auto')(y, y); keras.losses.Reduction.AUTO
43 W from keras.utils.losses_utils import ReductionV2; ReductionV2.SUM
44 W assert keras.optimizers.Adam(lr=0.5).learning_rate == 0.5
44 W keras.optimizers.SGD(lr=0.5, momentum=0.9)
44 W keras.optimizers.RMSprop(lr=0.5)
44 W keras.optimizers.Adadelta(lr=0.5); keras.optimizers.Adagrad(0.5)
45 W keras.optimizers.SGD(0.1, decay=1e-6, momentum=0.9, nesterov=True)
45 W keras.optimizers.Adam(decay=0.01)
46 W assert keras.optimizers.Adam(epsilon=None).epsilon == 1e-7
46 W keras.optimizers.RMSprop(epsilon=None); keras.optimizers.Adagrad(epsilon=None)
47 - m = small(); assert float(m.optimizer.lr) == np.float32(0.01)
47 - m = small(); m.optimizer.lr = 0.5; assert m.optimizer.learning_rate == 0.5
47 - m = small(); K.set_value(m.optimizer.lr, 0.5); assert K.get_value(m.optimizer.lr) == 0.5
48 W assert len(small().fit(x, y, nb_epoch=2, verbose=0).epoch) == 2
49 W h = small().fit_generator(batches(), samples_per_epoch=16, nb_epoch=1, verbose=0); assert h.params['steps'] == 2
49 W small().fit_generator(batches(), samples_per_epoch=8, nb_epoch=1, verbose=0, validation_data=batches(), nb_val_samples=16)
49 W small().fit_generator(batches(), 16, 1, verbose=0, validation_data=(x, y), nb_val_samples=8)
49 W assert small().predict_generator(batches(), val_samples=16).shape == (16, 1)
49 W small().evaluate_generator(batches(), val_samples=16)
50 W small().fit_generator(batches(), steps_per_epoch=2, epochs=1, verbose=0)
50 W small().fit_generator(batches(), steps_per_epoch=2, verbose=0, workers=2, use_multiprocessing=False, max_queue_size=5)
50 W small().fit_generator(batches(), steps_per_epoch=2, verbose=0, pickle_safe=True, nb_worker=1, max_q_size=5)
50 W small().evaluate_generator(batches(), steps=2)
50 W assert small().predict_generator(batches(), steps=2).shape == (16, 1)
51 W assert small().predict_classes(x).shape == (8, 1)
51 W assert small(3).predict_classes(x).shape == (8,)
51 W assert small().predict_proba(x).shape == (8, 1)
52 W small().fit(x, y, show_accuracy=True, verbose=0)
52 W small().evaluate(x, y, show_accuracy=True, verbose=0)
52 - assert 'acc' in small(metrics=['acc']).fit(x, y, verbose=0, validation_data=(x, y)).history
52 - assert 'val_acc' in small(metrics=['acc']).fit(x, y, verbose=0, validation_split=0.5).history
53 - small().compile('sgd', 'mse', sample_weight_mode=None, experimental_run_tf_function=False)
53 - small().train_on_batch(x, y, reset_metrics=False)
53 W small().compile('sgd', 'mse', class_mode='binary')
54 - Sequential([Dense(1, input_dim=3)]); Sequential([Dense(1, input_shape=(3,))]); Sequential([Dense(1, batch_input_shape=(2, 3))])
54 - assert Sequential([Embedding(9, 2, input_length=5), Flatten()]).output_shape == (None, 10)
54 - assert Sequential([LSTM(2, input_dim=3, input_length=5)]).input_shape == (None, 5, 3)
54 W Sequential([Dense(2, input_shape=(3,), input_dtype='float32')])
55 - w = np.ones((4, 2)); assert (Dense(2, weights=[w, np.zeros(2)])(x).numpy() is not None)
55 - Sequential([Embedding(9, 2, weights=[np.ones((9, 2))], input_length=5, trainable=False)])
56 W assert Dense(output_dim=3)(x).shape == (8, 3)
56 W Dense(3, init='uniform')(x)
56 W Dense(3, W_regularizer='l2')(x)
56 W Dense(3, b_regularizer='l2')(x)
56 W Dense(3, W_constraint=keras.constraints.max_norm(2))(x)
56 W Dense(3, b_constraint=keras.constraints.NonNeg())(x)
56 W assert len(Dense(3, bias=False, input_shape=(4,)).get_weights()) == 0
56 W assert Conv2D(nb_filter=2, nb_row=3, nb_col=2)(image).shape == (2, 4, 5, 2)
56 W assert Conv2D(2, (3, 3), border_mode='same')(image).shape == (2, 6, 6, 2)
56 W assert Conv2D(2, (2, 2), subsample=(2, 2))(image).shape == (2, 3, 3, 2)
56 W assert Conv2D(2, (3, 3), dim_ordering='th')(image.transpose(0, 3, 1, 2)).shape == (2, 2, 4, 4)
56 W assert MaxPooling2D((2, 2), border_mode='same', dim_ordering='tf')(image).shape == (2, 3, 3, 3)
56 W assert MaxPooling1D(pool_length=2, stride=1)(np.zeros((1, 4, 2), 'float32')).shape == (1, 3, 2)
56 W assert Conv1D(nb_filter=2, filter_length=3, subsample_length=2)(np.zeros((1, 7, 2), 'float32')).shape == (1, 3, 2)
56 W assert UpSampling1D(length=2)(np.zeros((1, 4, 2), 'float32')).shape == (1, 8, 2)
56 W Embedding(9, 2, init='uniform', W_regularizer='l2')(words)
56 W ZeroPadding2D((1, 1), dim_ordering='tf')(image); UpSampling2D((2, 2), dim_ordering='tf')(image)
56 W GlobalAveragePooling2D(dim_ordering='tf')(image); Cropping2D(1, dim_ordering='tf')(image)
57 W assert Dropout(p=0.4).rate == 0.4
57 W SpatialDropout2D(p=0.4); GaussianDropout(p=0.4); GaussianNoise(sigma=0.4)
57 W BatchNormalization(mode=0, axis=1)(x)
57 W BatchNormalization(gamma_init='one', beta_init='zero')(x)
57 W LSTM(2, consume_less='gpu')(np.zeros((1, 4, 2), 'float32'))
57 W LSTM(2, inner_init='orthogonal', inner_activation='hard_sigmoid', forget_bias_init='one')(np.zeros((1, 4, 2), 'float32'))
57 W l = LSTM(output_dim=2, init='uniform', dropout_W=0.1, dropout_U=0.2, U_regularizer='l2'); assert (l.dropout, l.recurrent_dropout) == (0.1, 0.2)
57 W GRU(2, inner_activation='sigmoid', dropout_W=0.1)(np.zeros((1, 4, 2), 'float32'))
57 W SimpleRNN(output_dim=2, inner_init='identity')(np.zeros((1, 4, 2), 'float32'))
57 W Embedding(9, 2, dropout=0.2)(words)
57 - LSTM(2, implementation=2); GRU(2, implementation=1)
58 - LSTM(2, time_major=True)(np.zeros((4, 1, 2), 'float32')); Conv2D(3, 2, groups=3)(image)
58 W BatchNormalization(fused=True)(image)
58 W BatchNormalization(renorm=False, virtual_batch_size=None)(image)
58 W from keras.layers import Attention; Attention(causal=False)
58 - Conv1D(2, 3, padding='causal')(np.zeros((1, 4, 2), 'float32'))
59 W a = Input((4,)); m = Model(input=a, output=Dense(1)(a)); assert m.predict(x, verbose=0).shape == (8, 1)
59 W a = Input((4,)); Model(input=[a], output=[Dense(1)(a), Dense(2)(a)])
60 - from keras.callbacks import ModelCheckpoint; ModelCheckpoint('best.hdf5', save_best_only=True)
60 W from keras.callbacks import ModelCheckpoint; ModelCheckpoint('weights.{epoch:02d}.h5', period=5)
60 W from keras.callbacks import ReduceLROnPlateau; assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
60 - from keras.callbacks import TensorBoard; TensorBoard('logs', write_graph=False)
60 W from keras.callbacks import TensorBoard; TensorBoard('logs', batch_size=32, write_grads=False)
61 - m = small(); m.save('model.h5'); keras.models.load_model('model.h5')
61 - m = small(); m.save('m2.hdf5', save_format='h5'); m.save_weights('w.h5'); m.load_weights('w.h5', by_name=True, skip_mismatch=True)
61 - m = small(); m.save('folder_model'); keras.models.load_model('folder_model').predict(x, verbose=0)
62 - d = Dense(2); d(Input((4,))); assert d.input_shape == (None, 4) and d.output_shape == (None, 2) and d.get_output_at(0).shape == (None, 2) and len(d.inbound_nodes) == 1 and len(d._inbound_nodes) == 1
62 - m = small(); m.reset_states(); m.layers[0].output; m.layers[0].input
62 W assert small().updates == []
62 W assert small().state_updates == []
62 W small().total_loss
62 W small().targets
62 W small()._make_predict_function()
62 W small().outbound_nodes; Dense(2).outbound_nodes
63 - class A(Layer):\\n def build(self, s):\\n  self.w = self.add_weight(name='w', shape=(4, 2), initializer='uniform', trainable=True)\\n  super().build(s)\\n def call(self, v):\\n  return K.dot(v, self.w)\\nassert A()(x).shape == (8, 2)
63 - class A(Layer):\\n def build(self, s):\\n  self.w = self.add_weight((4, 2), initializer='uniform', name='w')\\n  super(A, self).build(s)\\n def call(self, v):\\n  return K.dot(v, self.w)\\n def get_output_shape_for(self, s):\\n  return (s[0], 2)\\nassert A()(x).shape == (8, 2)
63 W class A(Layer):\\n def build(self, s):\\n  self.w = K.variable(np.ones((4, 2)))\\n  self.trainable_weights = [self.w]\\n def call(self, v, mask=None):\\n  return K.dot(v, self.w)\\nassert len(A()(x).shape) == 2
64 - a = Input((4,)); f = K.function([a], [Dense(2)(a)]); assert f([x])[0].shape == (8, 2)
64 - m = small(); f = K.function([m.layers[0].input, K.learning_phase()], [m.layers[0].output]); assert f([x, 0])[0].shape == (8, 1)
64 - K.learning_phase(); K.in_train_phase(K.constant(1.0), K.constant(2.0)); K.placeholder((2, 3))
64 W K.set_learning_phase(0); K.clear_session()
64 - K.mean(x); K.sum(x, axis=1); K.max(x); K.square(x); K.sqrt(K.abs(x)); K.log(K.exp(x)); K.clip(x, 0, 1); K.epsilon(); K.floatx()
64 - K.gradients(K.sum(K.square(a := Input((4,)))), [a])
64 - K.dot(x, x.T); K.batch_dot(K.constant(image[..., 0]), K.constant(image[..., 0])); K.permute_dimensions(image, (0, 3, 1, 2)); K.concatenate([x, x]); K.int_shape(K.constant(x)); K.ndim(K.constant(x))
64 - K.ctc_batch_cost(np.array([[1, 2]]), np.full((1, 5, 4), 0.25, 'float32'), np.array([[5]]), np.array([[2]]))
64 W assert K.image_dim_ordering() == 'tf'
64 W K.set_image_dim_ordering('tf')
64 W K.is_placeholder(Input((2,)))
64 W K.identity(x)
64 - assert K.backend() == 'tensorflow'; assert K.image_data_format() == 'channels_last'
64 - K.random_normal((2, 2)); K.random_uniform((2, 2)); K.variable(1.0); K.zeros((2,)); K.ones_like(x); K.eye(2); K.get_value(K.variable(2.0)); K.set_value(K.variable(1.0), 2.0)
64 - K.one_hot(K.constant([1], dtype='int32'), 3); K.argmax(x); K.cast(x, 'int32'); K.equal(x, x); K.switch(True, lambda: 1.0, lambda: 2.0); K.map_fn(lambda v: v, x); K.stop_gradient(K.constant(x)); K.l2_normalize(x, axis=1)
65 W from keras.utils import to_categorical; assert to_categorical([1], nb_classes=3).shape == (1, 3)
65 W from keras.utils.np_utils import to_categorical; assert to_categorical([1], 3).shape == (1, 3)
"""


def rows():
    """Number, whether it warns, and program of each row."""
    for line in ROWS.strip().splitlines():
        number, warns, program = line.split(" ", 2)
        yield int(number), warns == "W", program.replace("\\n", "\n")


def outcome(program):
    """The old-spelling warnings of a program, and the error it ended in, if any."""
    names = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        exec(SETUP, names)
        for name, module in list(sys.modules.items()):  # a path warns at its first use
            if isinstance(module, OldModule):
                module.__dict__.pop("_told", None)
            if name.startswith(tuple(OLD_ROOTS)) or name.startswith(("keras.", "tensorflow.")):
                del sys.modules[name]
        warnings.simplefilter("always")
        try:
            exec(program, names)
            error = None
        except BaseException:
            error = traceback.format_exc(limit=-4)
    old = [str(w.message) for w in caught if issubclass(w.category, DeprecationWarning)]
    return {"warnings": old, "error": error}


if __name__ == "__main__":
    results = [outcome(program) for _, _, program in rows()]
    with open(sys.argv[1], "w") as file:
        json.dump(results, file)
