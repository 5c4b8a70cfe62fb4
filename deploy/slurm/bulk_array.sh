#!/bin/bash
# A bulk run as a Slurm array: each task runs one shard of the inputs into a folder that all nodes see.
#
#   sbatch --array=0-63%16 bulk_array.sh program.json inputs.jsonl out
#
# A task that is requeued, or submitted again after its time was up, goes on where it was.  When all are done:
#
#   dspy bulk merge out --to results.jsonl --with-inputs
#SBATCH --job-name=dspy-bulk
#SBATCH --requeue
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=04:00:00
#SBATCH --signal=B:INT@60
set -euo pipefail

if (($# < 3)); then
  echo "usage: sbatch --array=0-N%M bulk_array.sh PROGRAM INPUTS OUT [flags of dspy run]" >&2
  exit 2
fi
program=$1 inputs=$2 out=$3
shift 3
: "${SLURM_ARRAY_TASK_ID:?submit this as an array: sbatch --array=0-63%16 …}"
# The count is that of the whole run, also where a few tasks are submitted again: name it then by DSPY_SHARDS.
shards=${DSPY_SHARDS:-$((SLURM_ARRAY_TASK_MAX + 1))}

# A minute before its time is up, the task is told to stop: rows under way are left for the next one.
dspy run "$program" --inputs "$inputs" --out "$out" --shard "$SLURM_ARRAY_TASK_ID/$shards" --resume "$@" &
worker=$!
trap 'kill -INT "$worker"' INT TERM
code=0
wait "$worker" || code=$?
if kill -0 "$worker" 2>/dev/null; then wait "$worker" || code=$?; fi
exit "$code"
