#!/usr/bin/env bash
# "30 2 * * *" in Berlin has four readings. In the hour that spring leaves out, croniter and cronsim fire at the change,
# APScheduler half an hour after it, Prefect half an hour before it; in the hour that autumn repeats, croniter and
# APScheduler fire twice, cronsim and Prefect once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "croniter==7.0.0" "APScheduler==3.11.3" "cronsim==2.8" "prefect==3.8.8" "fastapi==0.150.0" "sqlalchemy==2.0.58" || exit 2
cd "$folder"
env/bin/python - <<'END'
import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

os.environ["PREFECT_HOME"] = os.path.abspath("prefect")
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from prefect.server.schemas.schedules import CronSchedule

CRON, BERLIN = "30 2 * * *", ZoneInfo("Europe/Berlin")


def of_apscheduler(start: datetime) -> list[datetime]:
    trigger, fired, last, now = CronTrigger.from_crontab(CRON, timezone=BERLIN), [], None, start
    for _ in range(3):
        last = trigger.get_next_fire_time(last, now)
        now = (last.astimezone(UTC) + timedelta(seconds=1)).astimezone(BERLIN)
        fired.append(last)
    return fired


def of_croniter(start: datetime) -> list[datetime]:
    times = croniter(CRON, start)
    return [times.get_next(datetime) for _ in range(3)]


def of_cronsim(start: datetime) -> list[datetime]:
    times = CronSim(CRON, start)
    return [next(times) for _ in range(3)]


def of_prefect(start: datetime) -> list[datetime]:
    return asyncio.run(CronSchedule(cron=CRON, timezone="Europe/Berlin").get_dates(3, start=start))


readers = {"croniter": of_croniter, "cronsim": of_cronsim, "APScheduler": of_apscheduler, "prefect": of_prefect}
stated = {
    "croniter": (["01:00"], ["00:30", "01:30"]),
    "cronsim": (["01:00"], ["00:30"]),
    "APScheduler": (["01:30"], ["00:30", "01:30"]),
    "prefect": (["00:30"], ["00:30"]),
}
seen = {}
for name, fires in readers.items():
    days = []
    for day in (datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)):
        fired = [instant.astimezone(UTC) for instant in fires(day - timedelta(hours=12))]
        days.append([f"{instant:%H:%M}" for instant in fired if instant.date() == day.date()])
    seen[name] = tuple(days)
    print(f"{name} {version(name)}: UTC {days[0]} on 2026-03-29 (change at 01:00), {days[1]} on 2026-10-25 (change at 01:00)")
sys.exit(0 if seen == stated else 1)
END
