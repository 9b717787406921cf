# Starts Postgres on the volume at /var/lib/postgresql/data as what the stand-in says that this instance is to be. It is
# asked before every start: an instance that was the primary must not come back as a second one.
# Whatever stands behind the name of the image goes to the server. Passwords and certificates are mounted.
set -eu
umask 077
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
volume=/var/lib/postgresql/data
data=$volume/pgdata
echo "*:*:*:postgres:$(cat /etc/postgres/superuser/password)" >/tmp/pgpass
primary="host=$CLUSTER-rw.$NAMESPACE.svc user=postgres sslmode=verify-full sslrootcert=/etc/postgres/server/ca.crt"
primary="$primary passfile=/tmp/pgpass connect_timeout=5"

role() {
    (exec 3<>/dev/tcp/stand-in.stand-in-operators.svc/8000 && echo "$NAMESPACE $CLUSTER $POD" >&3 &&
        read -r -t 10 word <&3 && echo "$word") 2>/dev/null || echo wait
}

is_there() {
    [ -s "$data/PG_VERSION" ]
}

make_new() {
    rm -rf "$data.new" # what a start that was cut short left
    initdb --pgdata "$data.new" --username postgres --pwfile /etc/postgres/superuser/password \
        --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
    mv "$data.new" "$data"
}

copy_primary() { # what was here before may hold what the primary never had, so nothing of it stays
    rm -rf "$data.new"
    pg_basebackup --dbname "$primary application_name=copy" --pgdata "$data.new" --checkpoint fast || return 1
    touch "$data.new/standby.signal"
    rm -rf "$data"
    mv "$data.new" "$data"
}

trap 'exit 0' INT TERM # the first process of a container gets no signal that it does not ask for
# A pod that was deleted by force may live on beside its successor.
exec 9>"$volume/lock"
flock 9
while true; do
    case $(role) in
    first) is_there || make_new && break ;;
    primary) is_there && break || echo "This is to be the primary, and its volume is empty." ;;
    replica) { is_there && [ -e "$data/standby.signal" ]; } || copy_primary && break ;;
    esac
    sleep 1
done

others=
slot=_cnpg_${POD//-/_}
for instance in $INSTANCES; do
    [ "$instance" = "$POD" ] || others="$others${others:+, }\"$instance\""
done
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories="$PGHOST" \
    -c hba_file=/etc/postgres/config/pg_hba.conf -c ssl=on -c ssl_cert_file=/etc/postgres/server/tls.crt \
    -c ssl_key_file=/etc/postgres/server/tls.key -c primary_conninfo="$primary application_name=$POD" \
    -c primary_slot_name="$slot" -c wal_receiver_timeout=5s -c wal_sender_timeout=5s -c wal_retrieve_retry_interval=1s \
    -c synchronous_standby_names="${SYNCHRONOUS:+$SYNCHRONOUS ($others)}" "$@"
