"""Functions as `Lambda` layers hold them; `PYTHON functions_of_pythons.py FILE` adds its bytecode.

Any Python from 2.7 on runs this file. The JSON beside it has what each of them wrote.
"""

import base64
import json
import marshal
import sys

NUMBER, MEANS = 3.0, [1.0, 2.0, 3.0]


def functions(K, np, number, means):
    """Each takes an array of 4 x 3; what they name of the outside is `K`, `np` and a closure."""

    def branch(x):
        if K.image_data_format() == "channels_last" and not K.ndim(x) == 4:
            return x * 2.0
        return x

    def called_with_names(x, *rest, **more):
        return K.sum(x, axis=1, keepdims=True) + len(rest) + len(more)

    def comprehension(x):
        return K.concatenate([x[:, i : i + 1] * i for i in range(3) if i != 1], axis=1)

    def default(x, times=2.0):
        return x * times + number

    def difference(x):
        return K.abs(x[:, 0:1] - x[:, 1:])

    def imported(x):
        import tensorflow as tf
        from keras import backend

        return backend.expand_dims(tf.reduce_mean(x, axis=1), -1)

    def inner(x):
        scale = lambda y: y * number  # noqa: E731
        return scale(x)

    def loop(x):
        total = 0
        for i in range(3):
            if i == 1:
                continue
            total = total + x[:, i]
        return total

    def mean_off(x):
        return x - np.array(means)

    def normal(x):
        return K.sqrt(K.maximum(K.sum(K.square(x), axis=-1, keepdims=True), K.epsilon()))

    def part(x):
        return x[1:]

    def shapes(x):
        size = x.get_shape().as_list()
        return K.reshape(x, (-1, int(x.shape[1]) // 3, size[1]))

    def starred(x):
        settings = {"axis": 1}
        return K.sum(x, **settings)

    def swapped(x):
        return x[..., ::-1] / 127.5 - 1.0

    def unpacked(x):
        first, second = x[:, :1], x[:, 1:2]
        first, second = second, first
        return first**2 % 3 - -second // 1

    found = sorted(
        (one for name, one in locals().items() if name not in ("K", "np", "number", "means")),
        key=lambda one: one.__name__,
    )
    return found


def written(function):
    code = base64.b64encode(marshal.dumps(function.__code__)).decode("ascii")
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [code, list(function.__defaults__ or ()) or None, cells or None]


if __name__ == "__main__":
    text = open(__file__.replace(".pyc", ".py")).read()
    # K and np are global names in files
    text = text.replace("def functions(K, np, number, means)", "def functions(number, means)")
    spaces = {"__name__": "functions"}
    exec(compile(text.split("def written")[0], "functions", "exec"), spaces)
    try:
        with open(sys.argv[1]) as file:
            known = json.load(file)
    except IOError:  # noqa: UP024 - Python 2 runs this
        known = {}
    made = spaces["functions"](NUMBER, MEANS)
    version = "{}.{}".format(*sys.version_info[:2])
    known[version] = {one.__name__: written(one) for one in made}
    with open(sys.argv[1], "w") as file:
        json.dump(known, file, indent=0, sort_keys=True)
