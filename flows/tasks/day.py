"""The stages of a day and of a week as Prefect tasks; their order is in flows/day/run.py."""

from typing import Final

from flows.day import stages
from flows.publishing import weeks
from flows.tasks.policies import stage

# In a thread of its own, where Prefect's limit holds for nothing: every exchange has its own deadline.
download: Final = stage("download", stages.download, retries=1, seconds=None)
check: Final = stage("check", stages.check, retries=1, seconds=120)
features: Final = stage("features", stages.features, retries=0, seconds=120)
load: Final = stage("load", stages.load, retries=2, seconds=300)
train: Final = stage("train", stages.train, retries=1, seconds=3600)
evaluate: Final = stage("evaluate", stages.evaluate, retries=1, seconds=3600)
# A trial of 90 days and one of a year, each with a fit of the candidate's recipe and of the champion's.
judge: Final = stage("judge", stages.judge, retries=1, seconds=4 * 3600)
register: Final = stage("register", stages.register, retries=2, seconds=600)
forecast: Final = stage("forecast", stages.forecast, retries=2, seconds=120)
choose_again: Final = stage("choose-again", stages.choose_again, retries=2, seconds=120)
score: Final = stage("score", stages.score, retries=2, seconds=300)
publish: Final = stage("publish", stages.publish, retries=2, seconds=300)
sum_up_week: Final = stage("sum-up-week", weeks.sum_up_week, retries=1, seconds=300)
report_week: Final = stage("report-week", weeks.report_week, retries=2, seconds=300)
