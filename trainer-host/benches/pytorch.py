#!/usr/bin/env python3
"""PyTorch's training throughput at the shapes of `benches/training.rs`, in the same lines.

    pip install torch
    python3 trainer-host/benches/pytorch.py

Batches of 32, f32: forward, backward, gradients clipped to norm 1, and Adam, on `nn.LSTM` without peepholes and a dense
layer of ten classes. A measurement is the best of six of at least a quarter of a second.
"""

import time

import torch

SHAPES = [(128, 9, 32), (128, 9, 64), (140, 1, 32), (40, 13, 64), (40, 20, 128), (100, 16, 128), (50, 32, 256)]
BATCH = 32
MEASUREMENTS, SECONDS = 6, 0.25


class Classifier(torch.nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.lstm = torch.nn.LSTM(inputs, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 10)

    def forward(self, sequences):
        outputs, _ = self.lstm(sequences)
        return self.head(outputs[:, -1])


def sequences_per_second(steps, inputs, hidden):
    torch.manual_seed(1)
    network = Classifier(inputs, hidden)
    sequences = torch.rand(BATCH, steps, inputs) * 2 - 1
    classes = torch.arange(BATCH) % 10
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)

    def update():
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(sequences), classes).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    update()
    best = 0.0
    for _ in range(MEASUREMENTS):
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < SECONDS:
            update()
            count += 1
        best = max(best, count / (time.perf_counter() - begun))
    return best * BATCH


def main():
    print(f"PyTorch {torch.__version__}")
    print("  T,  I,   H | 1 thread: seq/s | 2 threads: seq/s")
    for steps, inputs, hidden in SHAPES:
        rates = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            rates.append(sequences_per_second(steps, inputs, hidden))
        print(f"{steps:3}, {inputs:2}, {hidden:3} | {rates[0]:15.0f} | {rates[1]:16.0f}")


if __name__ == "__main__":
    main()
