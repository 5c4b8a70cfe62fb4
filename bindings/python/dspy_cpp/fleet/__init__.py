"""Saved programs over the rows of a cluster: Ray Data, Spark, Dask, or any list of rows.

Nothing here imports Ray, Spark or Dask: their workers call what is here.  A program is named by its file, and
its model as `dspy run --model` takes it, so only a few words are sent to a worker.
"""

from .frames import dask_map_partitions, map_in_arrow, map_in_pandas, spark_schema
from .ray import RayProgram
from .runner import ProgramRunner, RunnerError

__all__ = [
    "ProgramRunner",
    "RayProgram",
    "RunnerError",
    "dask_map_partitions",
    "map_in_arrow",
    "map_in_pandas",
    "spark_schema",
]
