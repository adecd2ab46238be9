"""Writes the small files of this folder: one network in every container that Rust does not write.

Inputs of 2 channels are normalised, then LSTM(3), its last step, Dense(2), softmax. Needs h5py and flatbuffers.
"""

import io
import json
import zipfile

import flatbuffers
import h5py
import numpy as np

CHANNELS, UNITS, CLASSES, STEPS = 2, 3, 2, 5
MEAN, DEVIATION = np.float32([1.5, -2]), np.float32([2, 0.5])


def values(seed, *shape):
    """Multiples of 1/64, which int8 with that scale holds too."""
    count = int(np.prod(shape))
    return (((np.arange(count) * 37 + seed * 11) % 101 - 50) / 64).astype(np.float32).reshape(shape)


# In Keras' order: gates i, f, g, o as columns.
KERNEL, RECURRENT, BIAS = values(1, CHANNELS, 4 * UNITS), values(2, UNITS, 4 * UNITS), values(3, 4 * UNITS)
DENSE, DENSE_BIAS = values(4, UNITS, CLASSES), values(5, CLASSES)

LAYERS = [
    {"class_name": "InputLayer", "config": {"batch_shape": [None, STEPS, CHANNELS], "name": "input_layer"}},
    {"class_name": "Normalization", "config": {"name": "scale", "axis": [-1], "invert": False, "mean": None, "variance": None}},
    {"class_name": "LSTM", "config": {
        "name": "memory", "units": UNITS, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True,
        "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False, "unroll": False}},
    {"class_name": "Dense", "config": {"name": "head", "units": CLASSES, "activation": "softmax", "use_bias": True}},
]
MODEL = {"class_name": "Sequential", "config": {"name": "small", "layers": LAYERS}}


def keras_h5():
    with h5py.File("small.h5", "w", libver="earliest") as file:
        file.attrs["model_config"] = json.dumps(MODEL)
        file.attrs["keras_version"] = "3.0.0"
        weights = file.create_group("model_weights")
        for name, array in [
            ("scale/scale/mean", MEAN), ("scale/scale/variance", DEVIATION**2),
            ("memory/small/memory/lstm_cell/kernel", KERNEL),
            ("memory/small/memory/lstm_cell/recurrent_kernel", RECURRENT),
            ("memory/small/memory/lstm_cell/bias", BIAS),
            ("head/small/head/kernel", DENSE), ("head/small/head/bias", DENSE_BIAS),
        ]:
            weights[name] = array


def keras_loop():
    """A group that is a member of itself, sixty times."""
    with h5py.File("loop.h5", "w", libver="earliest") as file:
        file.attrs["model_config"] = json.dumps(MODEL)
        memory = file.create_group("model_weights/memory")
        for n in range(60):
            memory[f"l{n}"] = memory
        for name, array in [("mean", MEAN), ("variance", DEVIATION**2)]:
            file["model_weights/scale/" + name] = array


def keras_archive():
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        for group, name, arrays in [
            ("normalization/vars", "scale", [MEAN, DEVIATION**2]),
            ("lstm/vars", "memory", []), ("lstm/cell/vars", "lstm_cell", [KERNEL, RECURRENT, BIAS]),
            ("dense/vars", "head", [DENSE, DENSE_BIAS]),
        ]:
            created = file.create_group(f"layers/{group}")
            created.attrs["name"] = name
            for n, array in enumerate(arrays):
                created[str(n)] = array
    with zipfile.ZipFile("small.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [("metadata.json", b"{}"), ("config.json", json.dumps(MODEL)), ("model.weights.h5", content.getvalue())]:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


class TfLite:
    """Tables of the TensorFlow Lite schema, by field number."""

    FLOAT32, INT32, INT8 = 0, 2, 9

    def __init__(self):
        self.builder = flatbuffers.Builder(0)
        self.buffers, self.tensors = [self.table({})], []
        self.codes, self.operators = [], []

    def table(self, fields):
        """`fields` by number: (kind, value), offsets made before."""
        self.builder.StartObject(max(fields, default=-1) + 1)
        for number, (kind, value) in fields.items():
            if kind == "offset":
                self.builder.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                getattr(self.builder, f"Prepend{kind}Slot")(number, value, None)
        return self.builder.EndObject()

    def offsets(self, items):
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return self.builder.EndVector()

    def numbers(self, array):
        return self.builder.CreateNumpyVector(np.ascontiguousarray(array))

    def tensor(self, name, shape, kind=FLOAT32, data=None, scale=None):
        buffer = 0
        if data is not None:
            data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(self.table({0: ("offset", self.numbers(data))}))
            buffer = len(self.buffers) - 1
        fields = {0: ("offset", self.numbers(np.int32(shape))), 1: ("Int8", kind), 2: ("Uint32", buffer),
                  3: ("offset", self.builder.CreateString(name))}
        if scale is not None:
            fields[4] = ("offset", self.table({2: ("offset", self.numbers(np.float32([scale]))),
                                               3: ("offset", self.numbers(np.int64([0])))}))
        self.tensors.append(self.table(fields))
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, options=None):
        self.codes.append(self.table({0: ("Int8", code), 2: ("Int32", 1), 3: ("Int32", code)}))
        fields = {0: ("Uint32", len(self.codes) - 1), 1: ("offset", self.numbers(np.int32(inputs))),
                  2: ("offset", self.numbers(np.int32([output])))}
        if options is not None:
            kind, values = options
            fields |= {3: ("Uint8", kind), 4: ("offset", self.table(values))}
        self.operators.append(self.table(fields))

    def finish(self, path, first, last):
        graph = self.table({0: ("offset", self.offsets(self.tensors)), 1: ("offset", self.numbers(np.int32([first]))),
                            2: ("offset", self.numbers(np.int32([last]))), 3: ("offset", self.offsets(self.operators))})
        model = self.table({0: ("Uint32", 3), 1: ("offset", self.offsets(self.codes)), 2: ("offset", self.offsets([graph])),
                            4: ("offset", self.offsets(self.buffers))})
        self.builder.Finish(model, b"TFL3")
        with open(path, "wb") as file:
            file.write(self.builder.Output())


def tflite(path, integer):
    file = TfLite()
    shapes = {"input": [1, STEPS, CHANNELS], "less_mean": [1, STEPS, CHANNELS], "scaled": [1, STEPS, CHANNELS],
              "steps": [1, STEPS, UNITS], "last": [1, UNITS], "sums": [1, CLASSES], "output": [1, CLASSES]}
    at = {name: file.tensor(name, shape) for name, shape in shapes.items()}

    def weights(name, array):
        if integer:
            return file.tensor(name, array.shape, TfLite.INT8, np.round(array * 64).astype(np.int8), 1 / 64)
        return file.tensor(name, array.shape, TfLite.FLOAT32, array)

    def biases(name, array):
        if integer:
            return file.tensor(name, array.shape, TfLite.INT32, np.round(array * 4096).astype(np.int32), 1 / 4096)
        return file.tensor(name, array.shape, TfLite.FLOAT32, array)

    mean, deviation = (file.tensor(name, [CHANNELS], TfLite.FLOAT32, array)
                       for name, array in [("mean", MEAN), ("deviation", DEVIATION)])
    file.operator(41, [at["input"], mean], at["less_mean"], (28, {}))
    file.operator(42, [at["less_mean"], deviation], at["scaled"], (29, {}))
    gates = [slice(g * UNITS, (g + 1) * UNITS) for g in range(4)]
    lstm = [at["scaled"]]
    lstm += [weights(f"input_{g}", KERNEL[:, rows].T) for g, rows in enumerate(gates)]
    lstm += [weights(f"recurrent_{g}", RECURRENT[:, rows].T) for g, rows in enumerate(gates)]
    lstm += [-1] * 3
    lstm += [biases(f"bias_{g}", BIAS[rows]) for g, rows in enumerate(gates)]
    lstm += [-1, -1, file.tensor("hidden", [1, UNITS]), file.tensor("cell", [1, UNITS])] + [-1] * 4
    file.operator(44, lstm, at["steps"], (71, {0: ("Int8", 4)}))
    bounds = [file.tensor(name, [3], TfLite.INT32, np.int32(array))
              for name, array in [("begin", [0, -1, 0]), ("end", [0, 0, 0]), ("strides", [1, 1, 1])]]
    file.operator(45, [at["steps"], *bounds], at["last"], (32, {0: ("Int32", 5), 1: ("Int32", 7), 4: ("Int32", 2)}))
    file.operator(9, [at["last"], weights("kernel", DENSE.T), biases("dense_bias", DENSE_BIAS)], at["sums"], (8, {}))
    file.operator(25, [at["sums"]], at["output"], (9, {0: ("Float32", 1.0)}))
    file.finish(path, at["input"], at["output"])


keras_h5()
keras_loop()
keras_archive()
tflite("small.tflite", False)
tflite("small_int8.tflite", True)
