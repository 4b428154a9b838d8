"""What does work cost, may it be spent, and on which model?

Pure deciders: `pricing`, `selection`, `escalation`, `downgrade`, `budgets`, `analysis`. Doors to the store: `calls`
(ask before a paid call, settle after it), `reservations`, `budget_store` (declare, grant, show), `ledger`, `controls`,
`quotas`. May not live here: anything that runs tasks.

Lua that other scripts include (`--@include costs/...`); p = the cell's key prefix, now = milliseconds, money in
micro-dollars:

    limits.take(p, {tenant, type, model?, provider?, tokens, micros}, now)      costs/limits.lua
        -> nil (admitted and counted) | retry_after_ms, which                   (-1: larger than the limit itself)
    budget.reserve(p, {task, tenant, type, estimate, tokens?, model?}, now)     costs/budget_reserve.lua
        -> {status, amount, budget, window, limit, spent, reserved, retry_after_ms, downgrade}
           status ok | wait | refuse | defer | pause; idempotent by task; estimate 0 = free model, never blocked
    budget.ensure(p, {task, call, amount, tenant, type, entry}, now)            costs/budget_ensure.lua
    budget.settle(p, entry, now)  -> {status, micros, delta}                    costs/budget_settle.lua
    budget.abandon(p, task, now)  an attempt died, the task goes on             costs/budget_release.lua
    budget.release(p, {task, keep?}, now) -> micro-dollars given back           costs/budget_release.lua
        in the script that ends the task; it also learns the task's cost and corrects the rate limits;
        keep = the task is only parked

Every include is expanded once and defines only the locals `calendar`, `budget`, `rolling`, `limits`, `quota` and
`server_time` (and those of telemetry/metrics.lua).

The rules that keep a cap: a task starts only when its learned p95 is reserved in every budget above it; each paid call
is allowed (`ensure`) only when the most it can cost fits in that reservation or can be added to it; so spend never
passes a cap as long as no call costs more than it was allowed. A call is charged to the windows that allowed it.
"""
