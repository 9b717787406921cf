"""The broker's configuration and the listeners that a Kafka resource asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stand_in_operators.kubernetes import Raw

ADMIN_PORT, CONTROLLER_PORT = 9091, 9090
SERVES = ("scram-sha-512", None)

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSX}{UTC} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.start.name = kafka.server.KafkaRaftServer
logger.start.level = info
"""


@dataclass(frozen=True, slots=True)
class Names:
    """What the objects of one Kafka are called, as Strimzi calls them."""

    cluster: str
    pool: str
    namespace: str

    @property
    def broker(self) -> str:
        return f"{self.cluster}-{self.pool}"

    @property
    def bootstrap(self) -> str:
        return f"{self.cluster}-kafka-bootstrap"

    @property
    def headless(self) -> str:
        return f"{self.cluster}-kafka-brokers"

    @property
    def host(self) -> str:
        """The only broker's own name."""
        return f"{self.broker}-0.{self.headless}.{self.namespace}.svc"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name that a client may know the broker by."""
        service = f"{self.bootstrap}.{self.namespace}"
        return (self.host, self.bootstrap, service, f"{service}.svc", f"{service}.svc.cluster.local", "localhost")

    def address(self, listener: Raw) -> str:
        """Where clients begin."""
        return f"{self.bootstrap}.{self.namespace}.svc:{listener['port']}"


def unsupported(kafka: Raw, pools: list[Raw]) -> str | None:
    """Why this stand-in cannot run what the resources describe, as a sentence."""
    if len(pools) != 1 or pools[0]["spec"]["replicas"] != 1:
        return "The stand-in runs one broker, so it takes one KafkaNodePool with one replica."
    for listener in kafka["spec"]["kafka"]["listeners"]:
        kind = listener.get("authentication", {}).get("type")
        if kind not in SERVES or listener["type"] != "internal":
            return (
                f"Listener {listener['name']}: the stand-in serves internal ones with scram-sha-512 or without login."
            )
    return None


def properties(kafka: Raw, names: Names, administrators: tuple[str, ...]) -> dict[str, str]:
    """The broker's configuration: what the resource asks for, and a listener with certificates for administrators."""
    listeners = kafka["spec"]["kafka"]["listeners"]
    clients = {f"{listener['name'].upper()}-{listener['port']}": listener for listener in listeners}
    own = {"ADMIN": ADMIN_PORT, **{name: listener["port"] for name, listener in clients.items()}}
    protocols = {"ADMIN": "SSL", "CONTROLLER": "SSL", **{name: _protocol(one) for name, one in clients.items()}}
    listed = ",".join(f"{name}://:{port}" for name, port in own.items())
    found = {
        "process.roles": "broker,controller",
        "node.id": "0",
        "controller.quorum.voters": f"0@localhost:{CONTROLLER_PORT}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "ADMIN",
        "listeners": f"{listed},CONTROLLER://localhost:{CONTROLLER_PORT}",
        "advertised.listeners": ",".join(f"{name}://{names.host}:{port}" for name, port in own.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": "/var/lib/kafka/data",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": "/etc/kafka/broker.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/etc/kafka/ca.crt",
        "listener.name.admin.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "super.users": ";".join(f"User:CN={name}" for name in administrators),
    }
    for name, listener in clients.items():
        if listener.get("authentication"):
            prefix = f"listener.name.{name.lower()}"
            found[f"{prefix}.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
            found[f"{prefix}.scram-sha-512.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            )
    if kafka["spec"]["kafka"].get("authorization", {}).get("type") == "simple":
        found["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    asked = kafka["spec"]["kafka"].get("config") or {}
    return found | {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in asked.items()}


def _protocol(listener: Raw) -> str:
    secure = "SSL" if listener["tls"] else "PLAINTEXT"
    return f"SASL_{secure}" if listener.get("authentication") else secure
