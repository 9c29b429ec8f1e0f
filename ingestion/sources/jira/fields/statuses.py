"""Jira statuses without a pipeline stage, and which stage an admin may want to give them.

In: the site's statuses with Jira's own category (`raw_jira.statuses`), and the statuses that events named
(`quality.triage`). Out: suggestions; rows in `config.status_mappings` for those that a person accepts.
Names are judged first, since Jira's category knows neither testing nor review nor waiting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from core.tables import PIPELINE_STAGES, status_mappings
from ingestion.sources.jira.fields.suggestions import Confidence

# (pattern on the lower-case name, stage, is active work); the first that matches wins, so waiting comes before doing.
_BY_NAME: tuple[tuple[str, str, bool], ...] = (
    (r"cancel|won'?t (do|fix)|reject|abandon|duplicate|invalid|obsolete|declined|withdrawn", "cancelled", False),
    (r"(ready|waiting|awaiting|queued?|pending|selected) ?(for|on)? ?(the )?(uat|acceptance|sign.?off)", "uat", False),
    (r"(ready|waiting|awaiting|queued?|pending) ?(for|on)? ?(the )?(qa|test(ing)?|verification)\b", "qa", False),
    (r"(ready|waiting|awaiting|queued?|pending) ?(for|on)? ?(the )?(code |peer )?review", "code_review", False),
    (r"(ready|waiting|awaiting|queued?|pending|selected) ?(for|on)? ?(the )?dev", "dev", False),
    (r"(ready|waiting|awaiting|queued?|pending) ?(for|on)? ?(the )?(analysis|refinement|grooming|ba)\b", "ba", False),
    (r"(ready|waiting|awaiting|queued?|pending) ?(for|on|to)? ?(the )?(release|deploy)", "uat", False),
    (r"blocked|on hold|waiting|awaiting|paused", "dev", False),
    (r"\buat\b|acceptance|sign.?off", "uat", True),
    (r"code review|peer review|in review|under review|^review(ing)?$|pull request", "code_review", True),
    (r"\bqa\b|\btest(ing|ed)?\b|verif|quality", "qa", True),
    (r"analy[sz]|refin|groom|discovery|\bdesign|specif|\bba\b", "ba", True),
    (r"in progress|develop|implement|coding|building|in dev\b|doing", "dev", True),
    (r"^(done|closed|resolved|complete[d]?|released|deployed|shipped|finished|live)$", "done", False),
    (r"^(to.?do|open|new|backlog|created|reopened|idea|funnel|triage|planned)$", "backlog", False),
)  # fmt: skip

_BY_CATEGORY: dict[str, tuple[str, bool, Confidence, str]] = {
    "new": ("backlog", False, "medium", "Jira counts it as to do"),
    "indeterminate": ("dev", True, "low", "Jira counts it as in progress, and its name says no more"),
    "done": ("done", False, "medium", "Jira counts it as done"),
}
# What Jira's category must not contradict: a status called Review that Jira counts as done is somebody's finish.
_STAGES_OF_CATEGORY: dict[str, frozenset[str]] = {
    "new": frozenset(PIPELINE_STAGES) - {"done"},
    "indeterminate": frozenset(PIPELINE_STAGES) - {"backlog", "done"},
    "done": frozenset({"done", "cancelled"}),
}


@dataclass(frozen=True)
class StatusSuggestion:
    """A status without a stage. `pipeline_stage` is None where nothing speaks for any."""

    jira_project_key: str
    jira_status_name: str
    category: str | None
    occurrences: int
    pipeline_stage: str | None
    is_active_work: bool
    confidence: Confidence | None
    reason: str


def suggest_statuses(connection: Connection, project: str | None = None) -> list[StatusSuggestion]:
    """Every status without a stage (of one project, or of all), those that most events named first."""
    triage = connection.execute(text("select to_regclass('quality.triage')")).scalar() is not None
    rows = connection.execute(text(_UNMAPPED.format(triage=_TRIAGE if triage else _NO_TRIAGE)), {"project": project})
    return [
        StatusSuggestion(row.project_key, row.name, row.category, row.occurrences, *stage_for(row.name, row.category))
        for row in rows
    ]


def stage_for(name: str, category: str | None) -> tuple[str | None, bool, Confidence | None, str]:
    """Stage, whether it is active work, confidence and reason for a status of that name and Jira category."""
    fitting = _STAGES_OF_CATEGORY.get(category or "", frozenset(PIPELINE_STAGES))
    for pattern, stage, is_active in _BY_NAME:
        if stage in fitting and re.search(pattern, name.strip().lower()):
            sure: Confidence = "high" if category in _STAGES_OF_CATEGORY else "medium"
            return (
                stage,
                is_active,
                sure,
                "its name says so" + (", and Jira's category agrees" if sure == "high" else ""),
            )
    if category in _BY_CATEGORY:
        return _BY_CATEGORY[category]
    return None, False, None, "neither its name nor Jira's category tells"


def accept_status(
    connection: Connection,
    project: str,
    status: str,
    stage: str | None = None,
    *,
    is_active_work: bool | None = None,
) -> StatusSuggestion:
    """Give a status its stage: the suggested one, or the one that is named; the caller commits.

    A status that has a stage already gets another only where one is named.
    Raises `ValueError` for a stage that there is not, a status that nobody heard of, and one without a suggestion.
    """
    if stage is not None and stage not in PIPELINE_STAGES:
        raise ValueError(f"{stage!r} is no pipeline stage; there are {', '.join(PIPELINE_STAGES)}")
    waiting = {each.jira_status_name: each for each in suggest_statuses(connection, project)}
    found = waiting.get(status)
    if found is None and (stage is None or not _is_known(connection, project, status)):
        names = ", ".join(waiting) or "none"
        raise ValueError(f"{project} has no status {status!r} without a stage; those without one: {names}")
    chosen = stage or (found.pipeline_stage if found else None)
    if chosen is None:
        raise ValueError(f"Nothing speaks for a stage of {status!r}: name one of {', '.join(PIPELINE_STAGES)}")
    is_active = _is_active(chosen, is_active_work, found)
    _write(connection, project, status, chosen, is_active)
    return StatusSuggestion(
        project, status, found.category if found else None, found.occurrences if found else 0, chosen, is_active,
        found.confidence if found else None, "named by hand" if stage or found is None else found.reason,
    )  # fmt: skip


def _is_active(stage: str, said: bool | None, suggested: StatusSuggestion | None) -> bool:
    """What was said; else as suggested for that stage; else work, but for the stages in which nobody works."""
    if said is not None:
        return said
    if suggested is not None and suggested.pipeline_stage == stage:
        return suggested.is_active_work
    return stage not in ("backlog", "done", "cancelled")


def _write(connection: Connection, project: str, status: str, stage: str, is_active: bool) -> None:
    # In the order of the pipeline, the queue of a stage before its work.
    place = PIPELINE_STAGES.index(stage) * 10 + int(is_active)
    values = {"pipeline_stage": stage, "is_active_work": is_active, "display_order": place}
    connection.execute(
        insert(status_mappings)
        .values(jira_project_key=project, jira_status_name=status, **values)
        .on_conflict_do_update(index_elements=["jira_project_key", "jira_status_name"], set_=values)
    )


def _is_known(connection: Connection, project: str, status: str) -> bool:
    return connection.execute(text(_KNOWN), {"project": project, "status": status}).scalar_one() is True


_KNOWN = """
select exists (
    select 1 from raw_jira.statuses where project_key = :project and name = :status
    union all
    select 1 from config.status_mappings where jira_project_key = :project and jira_status_name = :status
)
"""

# The reference of a triage line is `PAY: In Progress`.
_TRIAGE = """
select
    split_part(reference, ': ', 1) as project_key,
    substring(reference from position(': ' in reference) + 2) as name,
    occurrences
from quality.triage
where kind = 'unmapped_status'
"""
_NO_TRIAGE = "select null::text as project_key, null::text as name, 0 as occurrences where false"

_UNMAPPED = """
with named as (
    select project_key, name, category, 0 as occurrences from raw_jira.statuses
    union all
    select project_key, name, null, occurrences from ({triage}) as triage
),

-- A status that one project named has the same category in every other: statuses are shared by the site.
categories as (
    select name, min(category) as category
    from raw_jira.statuses
    group by name
    having count(distinct category) = 1
)

select
    named.project_key,
    named.name,
    coalesce(max(named.category), max(categories.category)) as category,
    sum(named.occurrences)::integer as occurrences
from named
left join categories on named.name = categories.name
where
    (cast(:project as text) is null or named.project_key = :project)
    and not exists (
        select 1
        from config.status_mappings as mapped
        where mapped.jira_project_key = named.project_key and mapped.jira_status_name = named.name
    )
group by named.project_key, named.name
order by occurrences desc, named.project_key, named.name
"""
