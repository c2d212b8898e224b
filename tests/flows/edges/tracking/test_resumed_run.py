import pytest

from flows.edges.configuration import configuration
from flows.edges.tracking.experiments import open_tracking, resumed_run, tracked_run

pytestmark = pytest.mark.slow


def test_a_run_that_failed_goes_on_and_ends_well() -> None:
    experiment = open_tracking(configuration().places).experiment("sweep")

    def interrupted() -> None:
        with tracked_run(experiment, "long work", tags={"kind": "sweep"}) as run:
            run.log_metrics({"first": 1.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (stopped,) = experiment.find_runs(tags={"kind": "sweep"})
    assert stopped.status == "KILLED"
    assert "KeyboardInterrupt" in stopped.tags["failure"]
    with resumed_run(experiment, stopped) as again:
        again.log_metrics({"second": 2.0})
    (ended,) = experiment.find_runs(tags={"kind": "sweep"})
    assert (ended.id, ended.status) == (stopped.id, "FINISHED")
    assert "failure" not in ended.tags
    assert ended.metrics == {"first": 1.0, "second": 2.0}
