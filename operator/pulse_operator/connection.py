"""Where the API server is and how to log in to it: the only use of the official client, which reads configurations.

It sends no request. Inside a cluster the service account is used, elsewhere a kubeconfig with whatever it names:
tokens, client certificates, commands that fetch credentials.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

from pulse.errors import SettingsError
from pulse_operator.refusals import ApiUnavailable


@dataclass(frozen=True, slots=True)
class Connection:
    """A loaded configuration."""

    configuration: Configuration

    @classmethod
    def load(cls, kubeconfig: str | None = None, context: str | None = None) -> Connection:
        """The service account of this pod if neither file nor context is named and there is one; else a kubeconfig.

        It reads files and may run a command: not for an event loop.
        """
        configuration = Configuration()
        try:
            if kubeconfig or context or not _in_cluster(configuration):
                load_kube_config(kubeconfig, context, configuration, persist_config=False)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as error:
            raise SettingsError(
                f"No way to the Kubernetes API: {_sentence(error)} "
                "Outside a cluster, set KUBECONFIG or say which context to use."
            ) from error
        return cls(configuration)

    @property
    def url(self) -> str:
        """The address of the API server."""
        return str(self.configuration.host).rstrip("/")

    @property
    def proxy(self) -> str | None:
        """What the configuration or the environment puts in between."""
        around = should_bypass_proxies(self.url, self.configuration.no_proxy or "")
        return None if around else self.configuration.proxy

    @property
    def server_name(self) -> str | None:
        """The name in the server's certificate where it is not that of the address."""
        return self.configuration.tls_server_name

    def headers(self) -> dict[str, str]:
        """The log-in of one request: tokens are renewed here when it is time."""
        try:
            found = self.configuration.auth_settings().get("BearerToken")
        except (ConfigException, OSError) as error:
            raise ApiUnavailable(
                f"The log-in for {self.url} could not be renewed: {_sentence(error)} It is tried again."
            ) from error
        return {"Authorization": found["value"] or ""} if found else {}

    def token(self) -> str | None:
        """The token of `headers` alone. The word before it is `Bearer` of a kubeconfig, and `bearer` in a pod."""
        return self.headers().get("Authorization", "").partition(" ")[2] or None

    def tls(self) -> ssl.SSLContext:
        """Whom to trust, and the client's certificate if there is one."""
        context = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        if not self.configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.configuration.cert_file:
            context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        return context


def _in_cluster(configuration: Configuration) -> bool:
    """Whether the process runs in a pod with a service account, which is then in the configuration."""
    try:
        load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except ConfigException:
        return False
    return True


def _sentence(error: Exception) -> str:
    return f"{str(error).strip().rstrip('.')}."
