#!/usr/bin/env python3
"""A plain 1D CNN on UCI HAR, beside the networks of `cargo xtask strides`.

    pip install numpy torch
    python3 xtask/networks/cnn.py DATA/uci_har/uci_har_subset.npz

Two convolutions over time with ReLU, each followed by the maximum of two steps, then the mean over time and a dense
layer. Five folds of the training part, persons whole, choose the filters and the learning rate. The test part judges
once. Multiply-accumulates (MACs) are counted for a whole window of 128 steps.
"""

import argparse
import statistics

import numpy as np
import torch
from torch import nn

EPOCHS = 40
KERNEL = 5
FILTERS = (4, 8, 16, 32)
RATES = (0.003, 0.01)
FOLDS = 5


def network(channels, filters, classes):
    return nn.Sequential(
        nn.Conv1d(channels, filters, KERNEL),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(filters, filters, KERNEL),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(filters, classes),
    )


def macs(steps, channels, filters, classes):
    first = steps - KERNEL + 1
    second = first // 2 - KERNEL + 1
    return first * filters * channels * KERNEL + second * filters * filters * KERNEL + filters * classes


def trained(inputs, labels, filters, rate, seed):
    """The network and the normalisation after a training on `inputs`, `[N, C, T]`."""
    torch.manual_seed(seed)
    mean = inputs.mean(dim=(0, 2), keepdim=True)
    deviation = inputs.std(dim=(0, 2), keepdim=True)
    model = network(inputs.shape[1], filters, int(labels.max()) + 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    batches = (len(inputs) + 31) // 32
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * batches)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    normalised = (inputs - mean) / deviation
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(32):
            optimiser.zero_grad()
            loss(model(normalised[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    return model, mean, deviation


def accuracy(made, inputs, labels):
    model, mean, deviation = made
    with torch.no_grad():
        found = model((inputs - mean) / deviation).argmax(dim=1)
    return 100 * (found == labels).float().mean().item()


def over_folds(inputs, labels, persons, filters, rate, seed):
    """The mean accuracy over folds of persons, in %."""
    fold_of = {person: place % FOLDS for place, person in enumerate(np.unique(persons))}
    folds = torch.tensor([fold_of[person] for person in persons])
    scores = []
    for fold in range(FOLDS):
        rest, own = folds != fold, folds == fold
        made = trained(inputs[rest], labels[rest], filters, rate, seed)
        scores.append(accuracy(made, inputs[own], labels[own]))
    return statistics.mean(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = np.load(arguments.data)

    def part(name):
        inputs = torch.tensor(data[f"X_{name}"]).transpose(1, 2).contiguous()
        return inputs, torch.tensor(data[f"y_{name}"])

    inputs, labels = part("train")
    test = part("test")
    _, channels, steps = inputs.shape
    classes = int(labels.max()) + 1
    print("filters  parameters  MACs a window  rate   folds     test")
    for filters in FILTERS:
        found = [(over_folds(inputs, labels, data["subject_train"], filters, rate, 0), rate) for rate in RATES]
        folds, rate = max(found)
        scores = [accuracy(trained(inputs, labels, filters, rate, seed), *test) for seed in range(arguments.seeds)]
        parameters = sum(one.numel() for one in network(channels, filters, classes).parameters())
        deviation = statistics.stdev(scores) if len(scores) > 1 else 0
        print(
            f"{filters:7}  {parameters:10}  {macs(steps, channels, filters, classes):13}  {rate:5}  {folds:5.2f}"
            f"  {statistics.mean(scores):5.2f} ± {deviation:.2f}",
            flush=True,
        )


main()
