#!/usr/bin/env python3
"""FastGRNN (Kusupati et al., "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated Recurrent Neural
Network", NeurIPS 2018) on UCI HAR's windows, in PyTorch, beside the networks of this project.

    pip install torch numpy
    python3 xtask/networks/fastgrnn.py DATA/uci_har/uci_har_subset.npz [--epochs 30] [--fold-epochs 12] [--seeds 5]

    z_t = sigmoid(W x_t + U h_{t-1} + b_z)
    c_t = tanh(W x_t + U h_{t-1} + b_h)
    h_t = (zeta (1 - z_t) + nu) * c_t + z_t * h_{t-1},   zeta and nu of one number each, in 0..1

W and U are whole, or products of two narrow matrices each. A linear layer reads the last h. Each parameter counts as one
byte; training and test are in f32, so nothing is lost to a rounding. For each budget, the shape and the learning rate are
those with the best mean accuracy over folds of the training part, persons whole. They are then trained on all of the
training part with each seed, and judged once on the test part.

All models of one shape are trained side by side, as one batch of matrices.
"""

import argparse
import math
import time

import numpy as np
import torch

BUDGETS = [1024, 3072, 6144]
RATES = [0.003, 0.01, 0.03]
FOLDS = 3
BATCH = 100
# The norm of the gradient, at most.
CLIP = 1.0


class FastGrnn:
    """Models of one shape side by side: every parameter has their number in front."""

    def __init__(self, shape, inputs, classes, generators):
        hidden, rank_w, rank_u = shape

        def drawn(rows, columns, deviation):
            values = [torch.randn(rows, columns, generator=g) * deviation for g in generators]
            return torch.stack(values).requires_grad_()

        def constant(size, value):
            return torch.full((len(generators), 1, size), value, requires_grad=True)

        def matrix(rows, columns, rank):
            """A product has the variance of a whole matrix."""
            if rank is None:
                return [drawn(rows, columns, 1 / math.sqrt(rows))]
            return [drawn(rows, rank, 1 / math.sqrt(rows)), drawn(rank, columns, 1 / math.sqrt(rank))]

        self.w = matrix(inputs, hidden, rank_w)
        self.u = matrix(hidden, hidden, rank_u)
        # Gates that mostly keep, as in the authors' program.
        self.b_z, self.b_h = constant(hidden, 1.0), constant(hidden, 1.0)
        # Before the sigmoid.
        self.zeta, self.nu = constant(1, 1.0), constant(1, -4.0)
        self.head = drawn(hidden, classes, 1 / math.sqrt(hidden))
        self.bias = constant(classes, 0.0)
        self.hidden = hidden

    def parameters(self):
        return self.w + self.u + [self.b_z, self.b_h, self.zeta, self.nu, self.head, self.bias]

    def logits(self, x):
        """Of windows [M, B, T, I]: [M, B, C]."""
        models, windows, steps, inputs = x.shape
        below = x.reshape(models, windows * steps, inputs)
        for factor in self.w:
            below = torch.bmm(below, factor)
        below = below.reshape(models, windows, steps, self.hidden)
        zeta, nu = torch.sigmoid(self.zeta), torch.sigmoid(self.nu)
        h = torch.zeros(models, windows, self.hidden)
        for step in below.unbind(2):
            recurrent = h
            for factor in self.u:
                recurrent = torch.bmm(recurrent, factor)
            total = step + recurrent
            z = torch.sigmoid(total + self.b_z)
            h = (zeta * (1 - z) + nu) * torch.tanh(total + self.b_h) + z * h
        return torch.bmm(h, self.head) + self.bias


def count(shape, inputs, classes):
    """Parameters of one model."""
    hidden, rank_w, rank_u = shape
    w = inputs * hidden if rank_w is None else rank_w * (inputs + hidden)
    u = hidden * hidden if rank_u is None else rank_u * 2 * hidden
    return w + u + 2 * hidden + 2 + hidden * classes + classes


def shapes(budget, inputs, classes):
    """The largest of each kind within a budget: whole matrices, and products with a quarter of the units as rank of U."""

    def largest(of):
        return max((of(h) for h in range(4, 200) if count(of(h), inputs, classes) <= budget), key=lambda s: s[0])

    return [largest(lambda h: (h, None, None)), largest(lambda h: (h, None, max(1, h // 4)))]


def train(shape, rate, parts, epochs, seeds):
    """Models of one shape, each on the windows of its part with its seed."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    x, y = parts[0][0], parts[0][1]
    model = FastGrnn(shape, x.shape[2], int(y.max()) + 1, generators)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    # As many batches for each, so that all learn side by side.
    batches = min(len(part[0]) for part in parts) // BATCH
    total = epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: 0.5 * (1 + math.cos(math.pi * n / total)))
    for _ in range(epochs):
        orders = [torch.randperm(len(part[0]), generator=g) for part, g in zip(parts, generators)]
        for n in range(batches):
            chosen = [order[n * BATCH : (n + 1) * BATCH] for order in orders]
            x = torch.stack([part[0][own] for part, own in zip(parts, chosen)])
            y = torch.stack([part[1][own] for part, own in zip(parts, chosen)])
            logits = model.logits(x)
            # The sum over models, so that each has a gradient of its own.
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()) * len(parts)
            optimiser.zero_grad()
            loss.backward()
            clip(model.parameters())
            optimiser.step()
            schedule.step()
    return model


def clip(parameters):
    """Each model's gradient by its own norm."""
    squares = sum(p.grad.flatten(1).pow(2).sum(1) for p in parameters)
    factor = (CLIP / squares.sqrt().clamp(min=1e-12)).clamp(max=1.0)
    for p in parameters:
        p.grad *= factor[:, None, None]


def accuracy(model, parts):
    """Of each model on its part."""
    with torch.no_grad():
        least = max(len(part[0]) for part in parts)
        # Parts of one length: the windows behind a part's own are not counted.
        x = torch.stack([torch.cat([p[0], p[0][: least - len(p[0])]]) for p in parts])
        found = model.logits(x).argmax(2)
    return [float((f[: len(p[1])] == p[1]).float().mean()) for f, p in zip(found, parts)]


def folds(x, y, persons, seed=0):
    """Training and validation parts; each person is in one validation part."""
    all_persons = np.random.default_rng(seed).permutation(np.unique(persons))
    for own in np.array_split(all_persons, FOLDS):
        held = torch.from_numpy(np.isin(persons, own))
        yield (x[~held], y[~held]), (x[held], y[held])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data")
    arguments.add_argument("--epochs", type=int, default=30)
    arguments.add_argument("--fold-epochs", type=int, default=12)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=1)
    arguments = arguments.parse_args()
    torch.set_num_threads(arguments.threads)
    data = np.load(arguments.data)
    mean, deviation = (f(data["X_train"], axis=(0, 1)) for f in (np.mean, np.std))
    x, x_test = (torch.from_numpy((data[key] - mean) / deviation) for key in ("X_train", "X_test"))
    y, y_test = (torch.from_numpy(data[key]) for key in ("y_train", "y_test"))
    inputs, classes = x.shape[2], int(y.max()) + 1
    parts = list(folds(x, y, data["subject_train"]))
    training, validation = [t for t, _ in parts], [v for _, v in parts]
    for budget in BUDGETS:
        settings = [(shape, rate) for shape in shapes(budget, inputs, classes) for rate in RATES]
        means = []
        for shape, rate in settings:
            began = time.monotonic()
            model = train(shape, rate, training, arguments.fold_epochs, list(range(FOLDS)))
            means.append(float(np.mean(accuracy(model, validation))))
            took = time.monotonic() - began
            print(f"  {shape} rate {rate}: {100 * means[-1]:.2f} % over the folds, {took:.0f} s", flush=True)
        (shape, rate), mean = max(zip(settings, means), key=lambda pair: pair[1])
        seeds = list(range(1, arguments.seeds + 1))
        model = train(shape, rate, [(x, y)] * len(seeds), arguments.epochs, seeds)
        tests = 100 * np.array(accuracy(model, [(x_test, y_test)] * len(seeds)))
        print(
            f"{budget} bytes: units, ranks of W and U {shape}, {count(shape, inputs, classes)} parameters, rate {rate}, folds"
            f" {100 * mean:.2f} %; test {tests.mean():.2f} % (deviation {tests.std(ddof=1):.2f}; {np.round(tests, 2)})",
            flush=True,
        )


if __name__ == "__main__":
    main()
