"""The fits of studies as Prefect tasks."""

from typing import Final

from flows.studies import recipe_runs, sweep_runs, training
from flows.tasks.policies import study

fit_trial: Final = study("fit", recipe_runs.tracked_trial, run_name="{trial.name}")
fit_and_keep: Final = study("fit", training.fit_and_keep, run_name="{trial.name}")
try_variation: Final = study("try", sweep_runs.try_variation, run_name="try {settings}")
judge: Final = study("judge", sweep_runs.judge, run_name="judge {role}")
