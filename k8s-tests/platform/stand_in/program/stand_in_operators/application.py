"""The database that a Cluster begins with: `spec.bootstrap.initdb`, and the Secret with which applications log in."""

from __future__ import annotations

from stand_in_operators.kubernetes import Raw


def database(cluster: Raw) -> str:
    """Its name."""
    return str(_asked(cluster).get("database", "app"))


def owner(cluster: Raw) -> str:
    """The role that owns it."""
    return str(_asked(cluster).get("owner", database(cluster)))


def secret(cluster: Raw) -> str:
    """The Secret that holds the owner's password; this one is made unless the resource names another."""
    return str(_asked(cluster).get("secret", {}).get("name", f"{cluster['metadata']['name']}-app"))


def login(cluster: Raw, password: str) -> dict[str, str]:
    """What the Secret holds. As with the real one, `host` is good in the Cluster's own namespace alone."""
    metadata = cluster["metadata"]
    host, name, user = f"{metadata['name']}-rw", database(cluster), owner(cluster)
    here, service = f"{host}.{metadata['namespace']}", f"{host}.{metadata['namespace']}.svc.cluster.local"
    return {
        "username": user,
        "user": user,
        "password": password,
        "dbname": name,
        "host": host,
        "port": "5432",
        "pgpass": f"{host}:5432:{name}:{user}:{password}\n",
        "uri": f"postgresql://{user}:{password}@{here}:5432/{name}",
        "jdbc-uri": f"jdbc:postgresql://{here}:5432/{name}?password={password}&user={user}",
        "fqdn-uri": f"postgresql://{user}:{password}@{service}:5432/{name}",
        "fqdn-jdbc-uri": f"jdbc:postgresql://{service}:5432/{name}?password={password}&user={user}",
    }


def _asked(cluster: Raw) -> Raw:
    found: Raw = cluster["spec"].get("bootstrap", {}).get("initdb", {})
    return found
