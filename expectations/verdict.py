"""What a suite found, as plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from pipeline.errors import ExpectationError

CheckSeverity = Literal["warning", "critical"]
VerdictSeverity = Literal["ok", "warning", "critical"]
Observed = float | int | str | None

DAYS_NAMED: Final = 60
_DAYS_IN_A_LINE: Final = 5
_LINE: Final = 300


@dataclass(frozen=True)
class Check:
    """The outcome of one expectation.

    Attributes:
        name: As in the suite's `meta.check`, `close_is_positive`.
        severity: What a failure means: `critical` stops the run, `warning` tags it.
        success: Whether it held.
        observed: What was seen: a count of failing rows, or the value itself.
        days: ISO dates that fail, oldest first; the newest 60 where there are more.
        message: Expected, received and what to do, one line; empty for a success.
    """

    name: str
    severity: CheckSeverity
    success: bool
    observed: Observed = None
    days: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a suite says of a table.

    Attributes:
        suite: `candles` or `forecasts`.
        severity: The gravest failure.
        checks: One for each expectation, in the order of the suite.
        subject: What was checked, as `binance/BTCUSDT/1d 2026-03-29`.
    """

    suite: str
    severity: VerdictSeverity
    checks: tuple[Check, ...]
    subject: str = ""

    @classmethod
    def of(cls, checks: Iterable[Check], *, suite: str, subject: str) -> "Verdict":
        """The verdict that these checks amount to; no check at all is critical."""
        checks = tuple(checks)
        failed = {check.severity for check in checks if not check.success}
        severity: VerdictSeverity = "warning" if failed else "ok"
        if "critical" in failed or not checks:
            severity = "critical"
        return cls(suite=suite, severity=severity, checks=checks, subject=subject)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not hold, critical ones first."""
        failed = (check for check in self.checks if not check.success)
        return tuple(sorted(failed, key=lambda check: check.severity != "critical"))

    def counts(self) -> dict[str, int]:
        """Numbers of checks, critical failures and warnings, as metrics are logged."""
        failed = [check.severity for check in self.failures]
        return {
            "checks": len(self.checks),
            "critical": failed.count("critical"),
            "warnings": failed.count("warning"),
        }

    def as_dict(self) -> dict[str, Any]:
        """JSON values: finite numbers, strings, lists and dicts."""
        return {
            "suite": self.suite,
            "subject": self.subject,
            "severity": self.severity,
            "counts": self.counts(),
            "checks": [{**asdict(check), "days": list(check.days)} for check in self.checks],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Verdict":
        """The verdict that `as_dict` wrote."""
        checks = (Check(**{**check, "days": tuple(check["days"])}) for check in values["checks"])
        return cls.of(checks, suite=values["suite"], subject=values["subject"])

    def rows(self) -> list[dict[str, str]]:
        """A table of plain strings, failures first: a Prefect table artifact."""
        passed = [check for check in self.checks if check.success]
        return [
            {
                "check": check.name,
                "result": "ok" if check.success else check.severity,
                "observed": "" if check.observed is None else str(check.observed),
                "days": ", ".join(check.days),
                "message": check.message,
            }
            for check in (*self.failures, *passed)
        ]

    def raise_if_critical(self) -> None:
        """Stop the run where the suite says so.

        Raises:
            ExpectationError: A critical check failed or could not run; it names the first and counts the others.
        """
        if self.severity != "critical":
            return
        critical = [check for check in self.failures if check.severity == "critical"]
        if not critical:
            raise ExpectationError(f"The {self.suite} of {self.subject} were not checked: no check ran.")
        others = f" ({len(critical) - 1} more critical checks failed.)" if len(critical) > 1 else ""
        raise ExpectationError(f"{self.suite} of {self.subject}: {critical[0].message}{others}")


def name_days(days: tuple[str, ...]) -> str:
    """Days in a line: all of a few, else the first two and the last two.

    Example:
        >>> name_days(("2026-01-01", "2026-01-02"))
        '2026-01-01, 2026-01-02'
    """
    if len(days) <= _DAYS_IN_A_LINE:
        return ", ".join(days)
    return f"{days[0]}, {days[1]} … {days[-2]}, {days[-1]}"


def one_line(text: str) -> str:
    """Text without line breaks and of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
