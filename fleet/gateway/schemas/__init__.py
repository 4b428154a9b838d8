"""What do requests and answers look like? The gateway checks requests with these, and the OpenAPI document is made of them."""

from fleet.gateway.schemas.acts import (
    ActGiven as ActGiven,
)
from fleet.gateway.schemas.acts import (
    ActionGiven as ActionGiven,
)
from fleet.gateway.schemas.acts import (
    ActionsGiven as ActionsGiven,
)
from fleet.gateway.schemas.acts import (
    ActRequest as ActRequest,
)
from fleet.gateway.schemas.acts import (
    EmergencyRequest as EmergencyRequest,
)
from fleet.gateway.schemas.acts import (
    PauseGiven as PauseGiven,
)
from fleet.gateway.schemas.acts import (
    PauseRequest as PauseRequest,
)
from fleet.gateway.schemas.acts import (
    PausesGiven as PausesGiven,
)
from fleet.gateway.schemas.acts import (
    ScaleUpRequest as ScaleUpRequest,
)
from fleet.gateway.schemas.acts import (
    UndoneGiven as UndoneGiven,
)
from fleet.gateway.schemas.dead_letters import (
    CountQuery as CountQuery,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLetterChoice as DeadLetterChoice,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLetterGiven as DeadLetterGiven,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLetterQuery as DeadLetterQuery,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLettersGiven as DeadLettersGiven,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLetterStateGiven as DeadLetterStateGiven,
)
from fleet.gateway.schemas.dead_letters import (
    DeadLetterStatesGiven as DeadLetterStatesGiven,
)
from fleet.gateway.schemas.dead_letters import (
    ReplayRequest as ReplayRequest,
)
from fleet.gateway.schemas.door import (
    HealthGiven as HealthGiven,
)
from fleet.gateway.schemas.door import (
    IdentityGiven as IdentityGiven,
)
from fleet.gateway.schemas.door import (
    ProblemGiven as ProblemGiven,
)
from fleet.gateway.schemas.door import (
    ReadyGiven as ReadyGiven,
)
from fleet.gateway.schemas.sights import (
    AuditGiven as AuditGiven,
)
from fleet.gateway.schemas.sights import (
    CostsGiven as CostsGiven,
)
from fleet.gateway.schemas.sights import (
    GlanceGiven as GlanceGiven,
)
from fleet.gateway.schemas.sights import (
    IncidentsGiven as IncidentsGiven,
)
from fleet.gateway.schemas.sights import (
    MetricQuery as MetricQuery,
)
from fleet.gateway.schemas.sights import (
    PoolMetricGiven as PoolMetricGiven,
)
from fleet.gateway.schemas.sights import (
    PoolsGiven as PoolsGiven,
)
from fleet.gateway.schemas.sights import (
    WorkersGiven as WorkersGiven,
)
from fleet.gateway.schemas.tasks import (
    BulkGiven as BulkGiven,
)
from fleet.gateway.schemas.tasks import (
    BulkRequest as BulkRequest,
)
from fleet.gateway.schemas.tasks import (
    CancelGiven as CancelGiven,
)
from fleet.gateway.schemas.tasks import (
    DecisionGiven as DecisionGiven,
)
from fleet.gateway.schemas.tasks import (
    SearchQuery as SearchQuery,
)
from fleet.gateway.schemas.tasks import (
    SubmissionGiven as SubmissionGiven,
)
from fleet.gateway.schemas.tasks import (
    TaskGiven as TaskGiven,
)
from fleet.gateway.schemas.tasks import (
    TaskRequest as TaskRequest,
)
from fleet.gateway.schemas.tasks import (
    TasksGiven as TasksGiven,
)
from fleet.gateway.schemas.tasks import (
    WaitQuery as WaitQuery,
)
from fleet.gateway.schemas.words import (
    Id as Id,
)
