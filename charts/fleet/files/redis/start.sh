#!/bin/sh
# How does one Redis of the fleet start? Writes the access list from the mounted passwords (as SHA-256, never in clear), then the role:
# the first pod is the primary, the others follow it.
#   CONFIG    folder with redis.conf and users.acl (a program's name and rules a line, @PRIORITY@ for what kombu writes there)
#   PASSWORDS folder with the files fleet, replica, probe and one per program
#   RUN       writable folder, kept in memory  PRIMARY   host of the first pod
#   POD_NAME  ends in -0 for the primary       PORT      port of every pod
set -eu
umask 077

# An access list's line for somebody with a password; without one nothing starts, since no password would let everybody in.
user() {
    [ -s "$PASSWORDS/$2" ] || { echo "redis: there is no password for $2" >&2; return 1; }
    echo "user $1 on #$(tr -d '\n' < "$PASSWORDS/$2" | sha256sum | cut -d ' ' -f 1) $3"
}

{
    echo "user default off"
    user fleet fleet "~* &* +@all -@admin -@dangerous +info +keys +sort +restore +role +config|get +client|list"
    user replica replica "+psync +replconf +ping"
    user probe probe "+ping +info +role"
    sed "s/@PRIORITY@/$(printf '\006\026')/g" "$CONFIG/users.acl" | while read -r program rules; do
        user "fleet-$program" "$program" "$rules"
    done
} > "$RUN/users.acl"

{
    cat "$CONFIG/redis.conf"
    echo "aclfile $RUN/users.acl"
    echo "masteruser replica"
    echo "masterauth $(tr -d '\n' < "$PASSWORDS/replica")"
    case "$POD_NAME" in
        *-0) ;;
        *) echo "replicaof $PRIMARY $PORT" ;;
    esac
} > "$RUN/redis.conf"

exec "${SERVER:-valkey-server}" "$RUN/redis.conf"
