#!/bin/sh
# How does one Redis of the fleet start? Writes the access list from the mounted passwords (as SHA-256, never in clear), then the role:
# the first pod is the primary, the others follow it.
#   CONFIG    folder with redis.conf           PASSWORDS folder with the files fleet, replica, probe
#   RUN       writable folder, kept in memory  PRIMARY   host of the first pod
#   POD_NAME  ends in -0 for the primary       PORT      port of every pod
set -eu
umask 077

hashed() { tr -d '\n' < "$PASSWORDS/$1" | sha256sum | cut -d ' ' -f 1; }

{
    echo "user default off"
    echo "user fleet on #$(hashed fleet) ~* &* +@all -@admin -@dangerous +info +keys +sort +restore +role +config|get +client|list"
    echo "user replica on #$(hashed replica) +psync +replconf +ping"
    echo "user probe on #$(hashed probe) +ping +info +role"
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
