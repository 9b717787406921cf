# Starts the broker on the volume at /var/lib/kafka, which it formats first if nobody has. The configuration, mounted at
# /etc/kafka, is the stand-in's.
set -eu
properties=/etc/kafka/server.properties
run_java() {
    "$@" -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
        -Djava.awt.headless=true -Dlog4j2.configurationFile=/etc/kafka/log4j2.properties -cp '/opt/kafka/libs/*' \
        "$main" $words
}
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
    main=kafka.tools.StorageTool words="format --cluster-id $(cat /etc/kafka/cluster.id) --config $properties"
    run_java java
fi
main=kafka.Kafka words=$properties
run_java exec java
