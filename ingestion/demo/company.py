"""The cast of the demo company: streams, repositories, projects, teams. Facts, no behaviour.

In: nothing. Out: constants. What depends on the calendar (sprints, holidays) is in `period`;
what the people do all day is in `teams`. Nobody here has a name: people are `dev-017`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

# Stream and repository ids are the same in every installation, so links to a demo page stay good.
NAMESPACE = UUID("6f1c1f0a-5a3e-5c0e-9d52-0d6d6f2f7e11")

PAYMENTS = "payments"
ONBOARDING = "onboarding"
INSIGHTS = "insights"
PLATFORM = "platform-experience"

CORE_API = "core-api"
AUTH = "auth"
DATA_LAYER = "data-layer"
FRONTEND = "frontend"
INFRA = "infra"


def stable_id(kind: str, name: str) -> UUID:
    """The id of a row of the demo's configuration."""
    return uuid5(NAMESPACE, f"{kind}:{name}")


@dataclass(frozen=True, slots=True)
class DeliveryStream:
    """A product area; its people work in one Jira project."""

    name: str
    display_name: str
    description: str
    team_size: int
    project_key: str


@dataclass(frozen=True, slots=True)
class TechStream:
    """A technical domain: one GitHub organisation."""

    name: str
    display_name: str
    github_org: str
    installation_id: int
    description: str
    reports_deployments_through: str  # 'push' (its CI calls the platform) or 'github' (deployment_status webhooks)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository; libraries and templates are not deployed."""

    name: str
    tech_stream: TechStream
    language: str
    is_deployable: bool = True
    runtime: str = "ecs"

    @property
    def full_name(self) -> str:
        """Organisation and name, as GitHub writes them."""
        return f"{self.tech_stream.github_org}/{self.name}"

    @property
    def deploy_target(self) -> str | None:
        """What monitoring calls the service; NULL for what is not deployed."""
        return f"{self.runtime}:{self.name}" if self.is_deployable else None

    @property
    def github_id(self) -> int:
        """GitHub's number for the repository."""
        return 700_000_000 + stable_id("repository", self.full_name).int % 100_000_000


@dataclass(frozen=True, slots=True)
class Status:
    """A status of a Jira workflow; `stage` is None for the one that nobody mapped."""

    name: str
    stage: str | None
    is_active_work: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A Jira project: its workflow by simulation step, and how a ticket's delivery stream is found."""

    key: str
    name: str
    number: int
    stream_methods: tuple[str, ...]
    project_stream: str | None  # what the method `project` yields
    workflow: Mapping[str, Status]
    sets_resolution: bool = True


DELIVERY_STREAMS = (
    DeliveryStream(PAYMENTS, "Payments", "Taking, splitting and refunding money.", 16, "PAY"),
    DeliveryStream(ONBOARDING, "Onboarding", "From the first visit to the first transaction.", 14, "ONB"),
    DeliveryStream(INSIGHTS, "Insights", "Reports and exports; called Reporting until its renaming.", 12, "INS"),
    DeliveryStream(PLATFORM, "Platform Experience", "What every customer-facing page is built on.", 13, "PLX"),
)

TECH_STREAMS = (
    TechStream(CORE_API, "Core API", "acme-core-api", 41_100_001, "Backend services and domain logic.", "push"),
    TechStream(AUTH, "Auth", "acme-auth", 41_100_002, "Identity, single sign-on and tokens.", "push"),
    TechStream(DATA_LAYER, "Data Layer", "acme-data", 41_100_003, "Event store, warehouse and reports.", "github"),
    TechStream(FRONTEND, "Frontend", "acme-frontend", 41_100_004, "Customer and admin pages.", "push"),
    TechStream(INFRA, "Infra", "acme-infra", 41_100_005, "Clusters, CI templates and monitoring.", "push"),
)
_TECH = {stream.name: stream for stream in TECH_STREAMS}

REPOSITORIES = (
    Repository("payments-service", _TECH[CORE_API], "Kotlin"),
    Repository("ledger-service", _TECH[CORE_API], "Kotlin"),
    Repository("accounts-service", _TECH[CORE_API], "Kotlin"),
    Repository("notifications-service", _TECH[CORE_API], "Go", runtime="lambda"),
    Repository("api-gateway", _TECH[CORE_API], "Go"),
    Repository("api-contracts", _TECH[CORE_API], "TypeScript", is_deployable=False),
    Repository("identity-service", _TECH[AUTH], "Java"),
    Repository("token-service", _TECH[AUTH], "Java"),
    Repository("sso-gateway", _TECH[AUTH], "Go"),
    Repository("auth-client", _TECH[AUTH], "TypeScript", is_deployable=False),
    Repository("event-store", _TECH[DATA_LAYER], "Scala"),
    Repository("reporting-api", _TECH[DATA_LAYER], "Python"),
    Repository("etl-pipelines", _TECH[DATA_LAYER], "Python", runtime="batch"),
    Repository("warehouse-models", _TECH[DATA_LAYER], "SQL", runtime="batch"),
    Repository("customer-web", _TECH[FRONTEND], "TypeScript"),
    Repository("admin-dashboard", _TECH[FRONTEND], "TypeScript"),
    Repository("mobile-bff", _TECH[FRONTEND], "TypeScript"),
    Repository("component-library", _TECH[FRONTEND], "TypeScript", is_deployable=False),
    Repository("cluster-config", _TECH[INFRA], "HCL", runtime="terraform"),
    Repository("monitoring-stack", _TECH[INFRA], "HCL", runtime="helm"),
    Repository("ci-templates", _TECH[INFRA], "YAML", is_deployable=False),
)

# Webhooks come from it, but nobody registered it: it must show up in the triage list, and only there.
UNKNOWN_REPOSITORY = Repository("design-sandbox", _TECH[FRONTEND], "TypeScript")
UNKNOWN_SERVICE = "vm:legacy-mailer"

FIELD_MAPPINGS: Mapping[str, str] = {
    "story_points": "customfield_10016",
    "sprint": "customfield_10020",
    "flagged": "customfield_10021",
    "delivery_stream": "customfield_10101",
    "tech_streams": "customfield_10102",
    "found_in_stage": "customfield_10103",
    "introduced_in_stage": "customfield_10104",
    "blocking_tech_stream": "customfield_10105",
}

# Steps of the simulation, in the order of a board: the stage and whether it is active work.
STEPS: Mapping[str, tuple[str, bool]] = {
    "backlog": ("backlog", False),
    "ba": ("ba", True),
    "dev_queue": ("dev", False),
    "dev": ("dev", True),
    "code_review": ("code_review", True),
    "qa_queue": ("qa", False),
    "qa": ("qa", True),
    "uat_queue": ("uat", False),
    "uat": ("uat", True),
    "done": ("done", False),
    "cancelled": ("cancelled", False),
}


def _workflow(on_hold: str | None = None, **names: str) -> dict[str, Status]:
    workflow = {step: Status(name, *STEPS[step]) for step, name in names.items()}
    if on_hold is not None:
        workflow["on_hold"] = Status(on_hold, None)
    return workflow


PROJECTS = (
    Project(
        "PAY",
        "Payments",
        10_001,
        ("field",),
        None,
        _workflow(
            backlog="To Do",
            ba="In Analysis",
            dev_queue="Ready for Dev",
            dev="In Development",
            code_review="In Code Review",
            qa_queue="Ready for QA",
            qa="In QA",
            uat_queue="Ready for UAT",
            uat="In UAT",
            done="Done",
            cancelled="Cancelled",
        ),
    ),
    Project(
        "ONB",
        "Onboarding",
        10_002,
        ("field", "project"),
        ONBOARDING,
        _workflow(
            backlog="Backlog",
            ba="Analysis",
            dev_queue="Selected for Development",
            dev="In Progress",
            code_review="In Review",
            qa_queue="Ready for Test",
            qa="Testing",
            uat_queue="Awaiting UAT",
            uat="UAT",
            done="Done",
            cancelled="Won't Do",
        ),
    ),
    Project(
        "INS",
        "Insights",
        10_003,
        ("label",),
        None,
        _workflow(
            on_hold="On Hold",
            backlog="To Do",
            ba="Refining",
            dev_queue="Ready",
            dev="In Progress",
            code_review="Peer Review",
            qa_queue="Ready for QA",
            qa="In QA",
            uat_queue="Ready for UAT",
            uat="In UAT",
            done="Closed",
            cancelled="Cancelled",
        ),
    ),
    # Its workflow closes tickets without ever setting a resolution.
    Project(
        "PLX",
        "Platform Experience",
        10_004,
        ("field", "component"),
        None,
        _workflow(
            backlog="Open",
            dev_queue="Next Up",
            dev="Doing",
            code_review="Review",
            qa_queue="Verify Queue",
            qa="Verifying",
            done="Shipped",
            cancelled="Dropped",
        ),
        sets_resolution=False,
    ),
)

PROJECT_OF = {project.key: project for project in PROJECTS}
STREAM_OF_PROJECT = {stream.project_key: stream for stream in DELIVERY_STREAMS}
DISPLAY_NAME = {stream.name: stream.display_name for stream in DELIVERY_STREAMS}

DEPENDENCY_BOT = "acme-dependencies[bot]"
COVERAGE_BOT = "acme-coverage[bot]"
DEPLOY_BOT = "acme-deploy[bot]"
DEVELOPERS = tuple(f"dev-{number:03d}" for number in range(1, sum(s.team_size for s in DELIVERY_STREAMS) + 1))


def team_members(stream: str) -> tuple[str, ...]:
    """The logins of a delivery stream's people."""
    first = 0
    for candidate in DELIVERY_STREAMS:
        if candidate.name == stream:
            return DEVELOPERS[first : first + candidate.team_size]
        first += candidate.team_size
    raise KeyError(stream)
