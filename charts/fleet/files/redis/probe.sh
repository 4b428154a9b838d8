#!/bin/sh
# Does this Redis answer, and (argument `ready`) does a replica follow its primary?
set -eu
REDISCLI_AUTH="$(tr -d '\n' < "$PASSWORDS/probe")"
export REDISCLI_AUTH
answer="$(valkey-cli -p "$PORT" --user probe --no-auth-warning ping)"
[ "$answer" = PONG ]
if [ "${1:-}" = ready ]; then
    ! valkey-cli -p "$PORT" --user probe --no-auth-warning info replication | grep -q 'master_link_status:down'
fi
