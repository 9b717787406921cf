"""How a Kafka user of the pipeline reaches the brokers."""

from __future__ import annotations

from msgspec import UNSET

from pulse.facts import KafkaAccess, User
from pulse.spec import ExternalSource
from pulse_operator import objects
from pulse_operator.credentials.secrets import optional_value, secret_value
from pulse_operator.dependencies import Endpoint, Reason, Verdict, credentials, endpoint
from pulse_operator.dependencies.verdict import Raw, unknown
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants

_BY_STRIMZI = "Strimzi's user operator writes it; if it stays away, look at that operator's log."
_BY_PERSON = "Create it, or correct spec.source.external.auth.secretRef of the pipeline."


def kafka_access(pipeline: Pipeline, wants: Wants, seen: Seen, user: User) -> KafkaAccess | Verdict:
    """How this user reaches the brokers, or why it cannot be said."""
    external = pipeline.spec.source.external
    if external is not UNSET:
        return _external(external, wants, seen)
    there = listener(pipeline, wants, seen)
    if there is None:
        return unknown(Reason.PENDING, f"{wants.kafka} has not told the address of its listener. Wait for KafkaReady.")
    if there.authentication is None:
        return KafkaAccess(
            there.bootstrap_servers, "SSL" if there.tls else "PLAINTEXT", ca=_authorities(there, wants, seen)
        )
    made = seen.there(wants.users[user])
    named = credentials(made) if made is not None else None
    if named is None:
        return unknown(Reason.PENDING, f"{wants.users[user]} has not named its credentials yet. Wait for it.")
    secret = user_secret(wants.users[user], named.secret)
    if there.authentication == "tls":
        return _with_certificate(there, wants, seen, secret)
    return _with_password(there, wants, seen, secret, named.username)


def listener(pipeline: Pipeline, wants: Wants, seen: Seen) -> Endpoint | None:
    """How clients reach the pipeline's listener; None if Strimzi has not told."""
    kafka, source = seen.there(wants.kafka), pipeline.spec.source.strimzi
    return None if kafka is None or source is UNSET else endpoint(kafka, source.listener)


def user_secret(user: Ref, name: str) -> Ref:
    """Where Strimzi put the credentials of a KafkaUser."""
    return Ref(objects.SECRET, user.namespace, name)


def _with_certificate(there: Endpoint, wants: Wants, seen: Seen, secret: Ref) -> KafkaAccess | Verdict:
    certificate, key = (secret_value(seen, secret, name, _BY_STRIMZI) for name in ("user.crt", "user.key"))
    if isinstance(certificate, Verdict):
        return certificate
    if isinstance(key, Verdict):
        return key
    authorities = _authorities(there, wants, seen)
    return KafkaAccess(there.bootstrap_servers, "SSL", ca=authorities, certificate=certificate, key=key)


def _with_password(there: Endpoint, wants: Wants, seen: Seen, secret: Ref, username: str) -> KafkaAccess | Verdict:
    password = secret_value(seen, secret, "password", _BY_STRIMZI)
    if isinstance(password, Verdict):
        return password
    return KafkaAccess(
        there.bootstrap_servers,
        "SASL_SSL" if there.tls else "SASL_PLAINTEXT",
        mechanism="SCRAM-SHA-512",
        username=username,
        password=password,
        ca=_authorities(there, wants, seen),
    )


def _authorities(there: Endpoint, wants: Wants, seen: Seen) -> str:
    """Every certificate that brokers may be signed by. While a CA is renewed that is the old one too, which only the
    Secret of the cluster's CA holds; a listener with a certificate of its own has its CA only in the status."""
    if not there.tls:
        return ""
    secret: Raw = seen.there(wants.broker_ca) or {}
    keys = sorted(key for key in secret.get("data") or {} if key.endswith(".crt"))
    kept = [optional_value(seen, wants.broker_ca, key) for key in keys] if wants.broker_ca else []
    texts = [text.strip() for text in (*there.certificates, *kept) if text.strip()]
    return "".join(f"{text}\n" for text in dict.fromkeys(texts))


def _external(external: ExternalSource, wants: Wants, seen: Seen) -> KafkaAccess | Verdict:
    auth, secret = external.auth, wants.source_secret
    if secret is None:
        return KafkaAccess(external.bootstrap_servers, auth.protocol)
    mechanism = "" if auth.mechanism is UNSET else str(auth.mechanism)
    username = password = ""
    if mechanism:
        found = [secret_value(seen, secret, key, _BY_PERSON) for key in ("username", "password")]
        for value in found:
            if isinstance(value, Verdict):
                return value
        username, password = (str(value) for value in found)
    elif isinstance(problem := _unread(seen, secret), Verdict):
        return problem
    certificate, key = optional_value(seen, secret, "user.crt"), optional_value(seen, secret, "user.key")
    if bool(certificate) != bool(key):
        lacking = "user.key" if certificate else "user.crt"
        return _lacks(seen, secret, lacking)
    return KafkaAccess(
        external.bootstrap_servers,
        auth.protocol,
        mechanism=mechanism,
        username=username,
        password=password,
        ca=optional_value(seen, secret, "ca.crt"),
        certificate=certificate,
        key=key,
    )


def _unread(seen: Seen, secret: Ref) -> Verdict | None:
    """Why the Secret itself cannot be read, if it cannot."""
    if seen.there(secret) is not None:
        return None
    return _lacks(seen, secret, "ca.crt")


def _lacks(seen: Seen, secret: Ref, key: str) -> Verdict:
    problem = secret_value(seen, secret, key, _BY_PERSON)
    assert isinstance(problem, Verdict)  # noqa: S101 - asked only for what is not there
    return problem
