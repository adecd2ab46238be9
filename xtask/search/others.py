#!/usr/bin/env python3
"""Samplers of Optuna and SMAC over the tables of `cargo xtask search-bench`.

    pip install optuna smac
    python3 xtask/search/others.py TABLE... [--data FOLDER] [--seeds 20] [--units 40] [--only NAME] [--scenario NAME]

The bench answers what a training gives, with the same space, noise and costs as for our own samplers, and judges what
was found, paired by seed. A sampler learns the costs of a point by asking. A point that does not fit the chip costs it
nothing. A unit is one training to its end.
"""

import argparse
import json
import os
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Points that do not fit, before a search is given up.
TRIES = 2000


class Bench:
    """The bench, over a line of JSON each way."""

    def __init__(self, table, units, data):
        command = "cargo bench --quiet --locked --package trainer-host --bench search --".split()
        command += [os.path.abspath(table), "--serve", "--units", str(units), "--data", os.path.abspath(data)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        self.opening = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the bench ended")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def report(self):
        self.process.stdin.close()
        text = self.process.stdout.read()
        self.process.wait()
        return text


class Search:
    """One search: what it has trained, and how many units that took."""

    def __init__(self, bench, scenario, seed, units):
        self.bench, self.scenario, self.seed, self.units = bench, scenario, seed, units
        self.epochs = bench.opening["epochs"]
        self.used, self.trials = 0.0, []

    def is_over(self):
        return self.used >= self.units

    def train(self, point):
        return self.bench.ask(scenario=self.scenario, seed=self.seed, point=point)

    def took(self, point, epochs):
        self.trials.append({"point": point, "epochs": epochs})
        self.used += epochs / self.epochs

    def end(self, way):
        self.bench.ask(scenario=self.scenario, seed=self.seed, way=way, trials=self.trials)


# Optuna


def suggest(trial, space):
    """A point, drawn by Optuna."""
    point = {}
    for name, setting in space.items():
        if "choices" in setting:
            point[name] = trial.suggest_categorical(name, setting["choices"])
            continue
        low, high = setting["low"], setting["high"]
        is_log = setting.get("scale") == "log"
        if isinstance(low, int) and isinstance(high, int):
            point[name] = trial.suggest_int(name, low, high, log=is_log)
        else:
            point[name] = trial.suggest_float(name, low, high, log=is_log)
    return point


def optuna_search(search, sampler, directions, pruner, first):
    """A study with ask and tell. Constraints say which points do not fit."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    space = search.bench.opening["space"]
    limit = search.bench.opening["scenarios"][search.scenario]["limit"]
    study = optuna.create_study(directions=directions, sampler=sampler, pruner=pruner)
    if first:
        study.enqueue_trial(first)
    misses = 0
    # A point that does not fit has no error. It gets the largest one so far, so that a process of errors is not bent.
    # Those before the first error wait for it.
    largest, waiting = None, []

    def miss(trial):
        values = None if pruner else [largest, limit][: len(directions)]
        study.tell(trial, state=optuna.trial.TrialState.PRUNED if pruner else None, values=values)

    while not search.is_over() and misses < TRIES:
        trial = study.ask()
        point = suggest(trial, space)
        answer = search.train(point)
        instructions = answer["instructions"]
        if instructions is None:
            misses += 1
            trial.set_user_attr("excess", 1.0)
            if largest is None:
                waiting.append(trial)
            else:
                miss(trial)
            continue
        trial.set_user_attr("excess", instructions / limit - 1.0)
        largest = max(largest or 0.0, answer["error"])
        while waiting:
            miss(waiting.pop(0))
        done = search.epochs
        if pruner:
            for epoch, value in enumerate(answer["values"][:-1], start=1):
                trial.report(value, epoch)
                if trial.should_prune():
                    done = epoch
                    break
        search.took(point, done)
        if done < search.epochs:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, [answer["error"], instructions][: len(directions)])


def optuna_ways():
    import optuna
    from optuna.samplers import GPSampler, NSGAIISampler, RandomSampler, TPESampler

    def fits(trial):
        return (trial.user_attrs.get("excess", 1.0),)

    error, both = ["minimize"], ["minimize", "minimize"]

    def hyperband(epochs):
        return optuna.pruners.HyperbandPruner(min_resource=max(epochs // 9, 1), max_resource=epochs)

    def way(make, directions, pruner):
        def run(search, first):
            chosen = pruner(search.epochs) if pruner else None
            optuna_search(search, make(search.seed), directions, chosen, first)

        return run

    ways = {
        "optuna random": way(lambda s: RandomSampler(seed=s), error, None),
        "optuna tpe": way(lambda s: TPESampler(seed=s, multivariate=True, constraints_func=fits), error, None),
        "optuna tpe, hyperband": way(lambda s: TPESampler(seed=s, multivariate=True), error, hyperband),
        "optuna tpe, both": way(lambda s: TPESampler(seed=s, multivariate=True, constraints_func=fits), both, None),
        "optuna nsga2, both": way(lambda s: NSGAIISampler(seed=s, population_size=10, constraints_func=fits), both, None),
    }
    try:
        import torch  # noqa: F401
    except ImportError:
        print("Optuna's process is left out: `pip install torch` installs what it needs", file=sys.stderr)
        return ways
    process = {
        "optuna gp": way(lambda s: GPSampler(seed=s, constraints_func=fits), error, None),
        "optuna gp, both": way(lambda s: GPSampler(seed=s, constraints_func=fits), both, None),
    }
    return ways | process


# SMAC


def smac_search(search, facade_name, first):
    """SMAC with ask and tell. A point that does not fit gets the largest error so far."""
    import logging
    import tempfile

    import smac
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
    from smac.runhistory.dataclasses import TrialInfo, TrialValue

    logging.disable(logging.CRITICAL)
    settings = []
    for name, setting in search.bench.opening["space"].items():
        if "choices" in setting:
            settings.append(Categorical(name, [json.dumps(choice) for choice in setting["choices"]]))
            continue
        low, high = setting["low"], setting["high"]
        kind = Integer if isinstance(low, int) and isinstance(high, int) else Float
        settings.append(kind(name, (low, high), log=setting.get("scale") == "log"))
    space = ConfigurationSpace(seed=search.seed)
    space.add(settings)

    def point_of(config):
        read = lambda value: json.loads(value) if isinstance(value, str) else value.item() if hasattr(value, "item") else value
        return {name: read(value) for name, value in dict(config).items()}

    facade = getattr(smac, facade_name)
    with tempfile.TemporaryDirectory() as folder:
        scenario = smac.Scenario(space, deterministic=True, n_trials=100_000, seed=search.seed, output_directory=folder)
        # As many points at random as our own searches begin with.
        design = facade.get_initial_design(scenario, n_configs=5)
        smac = facade(scenario, lambda config, seed=0: 0.0, initial_design=design, overwrite=True, logging_level=False)
        if first:
            answer = search.train(first)
            search.took(first, search.epochs)
            encoded = {n: json.dumps(v) if "choices" in search.bench.opening["space"][n] else v for n, v in first.items()}
            from ConfigSpace import Configuration

            smac.tell(TrialInfo(Configuration(space, encoded), seed=0), TrialValue(cost=answer["error"]))
        misses, largest, waiting = 0, None, []
        while not search.is_over() and misses < TRIES:
            info = smac.ask()
            point = point_of(info.config)
            answer = search.train(point)
            if answer["instructions"] is None:
                misses += 1
                waiting.append(info)
            else:
                largest = max(largest or 0.0, answer["error"])
            if largest is not None:
                for miss in waiting:
                    smac.tell(miss, TrialValue(cost=largest))
                waiting.clear()
            if answer["instructions"] is None:
                continue
            search.took(point, search.epochs)
            smac.tell(info, TrialValue(cost=answer["error"]))


def smac_ways():
    import smac  # noqa: F401

    def way(facade):
        return lambda search, first: smac_search(search, facade, first)

    return {
        "smac forest": way("HyperparameterOptimizationFacade"),
        "smac gp": way("BlackBoxFacade"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--data", default="", help="folder of the data sets that the tables' trainings are of")
    parser.add_argument("--units", type=int, default=40)
    parser.add_argument("--only", default="", help="only samplers with this in their name")
    parser.add_argument("--scenario", default="", help="only scenarios with this in their name")
    arguments = parser.parse_args()
    ways = {}
    for program, make in [("optuna", optuna_ways), ("smac", smac_ways)]:
        try:
            ways.update(make())
        except ImportError as problem:
            print(f"{program} is left out: {problem}; `pip install {program}` installs it", file=sys.stderr)
    ways = {name: run for name, run in ways.items() if arguments.only in name}
    if not ways:
        sys.exit("no sampler is left")
    for table in arguments.tables:
        bench = Bench(table, arguments.units, arguments.data)
        for index, scenario in enumerate(bench.opening["scenarios"]):
            if arguments.scenario not in scenario["name"]:
                continue
            for name, run in ways.items():
                for seed in range(arguments.seeds):
                    search = Search(bench, index, seed, arguments.units)
                    run(search, scenario["first"])
                    search.end(name)
                print(f"{table}: {scenario['name']}: {name}", file=sys.stderr)
        print(bench.report(), end="", flush=True)


if __name__ == "__main__":
    main()
