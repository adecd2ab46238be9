#!/bin/sh
# One study on many nodes, as a Slurm array job. Each task is a worker of the same study.
#
#   export STORAGE=postgres://tuner@database.example/tuning     # the password: ~/.pgpass, or PGPASSWORD
#   export STUDY=gestures DATA=/shared/gestures.csv
#   sbatch --array=0-15 slurm.sh --trials 400 --core m4 --flash 64K
#
# The first task begins the study, the others go on with it. What stands behind slurm.sh are flags of `tune`; they must
# be the same for every task. With more than four workers in all, allow as many trials at once: `--set tune.lag=16`.
#SBATCH --job-name=tune
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --output=tune-%A-%a.log
# A minute before the time limit, a task hands its trials over: another one goes on from their last epochs.
#SBATCH --signal=INT@60
set -eu

: "${STORAGE:?is not set: the address of a PostgreSQL database that all nodes reach}"
: "${STUDY:?is not set: the name of the study}"
: "${DATA:?is not set: the data, at a place that all nodes see}"

# `exec`, so that Slurm's signal reaches the worker itself.
exec trainer-host tune "$DATA" --storage "$STORAGE" --study "$STUDY" \
    --out "${OUT:-$PWD/$STUDY}" --workers "${SLURM_CPUS_PER_TASK:-1}" "$@"
