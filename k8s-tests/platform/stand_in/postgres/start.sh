# Starts Postgres on the volume at /var/lib/postgresql/data, where it makes the database files first if there are none.
# Whatever stands behind the name of the image goes to the server. Passwords and certificates are mounted.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data/pgdata
if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data.new" # what a start that was cut short left
    initdb --pgdata "$data.new" --username postgres --pwfile /etc/postgres/superuser/password \
        --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
    mv "$data.new" "$data"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories="$PGHOST" \
    -c hba_file=/etc/postgres/config/pg_hba.conf -c ssl=on -c ssl_cert_file=/etc/postgres/server/tls.crt \
    -c ssl_key_file=/etc/postgres/server/tls.key "$@"
