"""What a kubeconfig says, as it is used: address, log-in, trust."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration
from kubernetes.config.incluster_config import InClusterConfigLoader

from pulse.errors import SettingsError
from pulse_operator.connection import Connection
from pulse_operator.refusals import ApiUnavailable

SERVER = "https://cluster.example:6443"


def written(home: Path, user: dict[str, Any], **cluster: Any) -> str:
    path = home / "kubeconfig"
    contents = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": SERVER + "/", **cluster}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(json.dumps(contents), encoding="utf-8")
    return str(path)


def test_a_token_is_sent_to_the_address_that_is_named(tmp_path: Path) -> None:
    connection = Connection.load(written(tmp_path, {"token": "abc"}))
    assert connection.url == SERVER
    assert connection.headers() == {"Authorization": "Bearer abc"}
    assert connection.tls().verify_mode is ssl.CERT_REQUIRED


def test_without_a_token_nothing_is_sent(tmp_path: Path) -> None:
    connection = Connection.load(written(tmp_path, {}))
    assert connection.headers() == {}
    assert connection.token() is None


def test_the_token_alone_is_the_same_in_a_pod_and_outside(tmp_path: Path) -> None:
    assert Connection.load(written(tmp_path, {"token": "abc"})).token() == "abc"
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("abc")
    authority.write_text("a certificate")
    configuration = Configuration()
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    loader = InClusterConfigLoader(str(token), str(authority), environ=pod)  # type: ignore[no-untyped-call]
    loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    assert Connection(configuration).token() == "abc"


def test_a_server_is_trusted_blindly_only_on_request(tmp_path: Path) -> None:
    connection = Connection.load(written(tmp_path, {}, **{"insecure-skip-tls-verify": True}))
    assert connection.tls().verify_mode is ssl.CERT_NONE


def test_the_name_in_the_certificate_and_a_proxy_are_taken_over(tmp_path: Path) -> None:
    words = {"tls-server-name": "kubernetes", "proxy-url": "http://proxy.example:3128"}
    connection = Connection.load(written(tmp_path, {}, **words))
    assert (connection.server_name, connection.proxy) == ("kubernetes", "http://proxy.example:3128")


def test_a_proxy_of_the_environment_is_used_but_for_the_hosts_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "other.example")
    kubeconfig = written(tmp_path, {})
    assert Connection.load(kubeconfig).proxy == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", "cluster.example")
    assert Connection.load(kubeconfig).proxy is None


@pytest.mark.parametrize("context", [None, "elsewhere"])
def test_no_configuration_or_no_such_context_stops_the_start(tmp_path: Path, context: str | None) -> None:
    kubeconfig = written(tmp_path, {}) if context else str(tmp_path / "none")
    with pytest.raises(SettingsError, match=r"No way to the Kubernetes API: .*[^.]\. Outside .* set KUBECONFIG"):
        Connection.load(kubeconfig, context)


def test_a_command_that_fetches_the_token_is_asked_again_when_its_token_expired(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    expired = "2020-01-01T00:00:00Z"

    def says(token: str) -> None:
        status = {"token": token, "expirationTimestamp": expired}
        version = "client.authentication.k8s.io/v1"
        answer.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))

    says("first")
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [str(answer)]}
    connection = Connection.load(written(tmp_path, {"exec": {**command, "interactiveMode": "Never"}}))
    says("second")
    assert connection.headers() == {"Authorization": "Bearer second"}
    says("third")
    assert connection.headers() == {"Authorization": "Bearer third"}


def test_a_service_account_that_cannot_be_read_any_more_is_an_outage(tmp_path: Path) -> None:
    connection = Connection.load(written(tmp_path, {"token": "abc"}))

    def gone(_: object) -> None:
        raise OSError("Service token file does not exist.")

    connection.configuration.refresh_api_key_hook = gone  # type: ignore[assignment]
    with pytest.raises(ApiUnavailable, match=f"log-in for {SERVER} could not be renewed: Service token"):
        connection.headers()
