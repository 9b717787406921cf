"""A kind node and base images from package registries alone, for machines that no image registry can be reached from.

The node is made of Debian packages and of Kubernetes built from its Go modules; the bases are Debian with one language.
Every image carries a tag made of what went into it: what is there already is not made again, and nothing stale is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kind.commands import run, succeeds
from offline import debian
from programs import KUBERNETES, PROGRAMS, program

HERE = Path(__file__).parent
NODE_FILES = HERE / "node"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Root:
    """A root file system: packages of one release of Debian and what these need."""

    name: str
    release: str
    packages: tuple[str, ...]

    @property
    def image(self) -> str:
        return f"pulse-offline/{self.name}-root:{_fingerprint(self.release, *self.packages)}"


NODE_ROOT = Root(
    "node",
    "bookworm",
    (
        *("ca-certificates", "conntrack", "containerd", "containernetworking-plugins", "curl", "dbus", "e2fsprogs"),
        *("ebtables", "ethtool", "hostname", "iproute2", "iptables", "kmod", "mount", "netbase", "nftables", "procps"),
        *("rsync", "runc", "socat", "systemd", "systemd-sysv", "util-linux"),
    ),
)
# kube-proxy needs the host's tables; the helper of local volumes needs no more than a shell, so it shares this one.
TOOLS_ROOT = Root("tools", "bookworm", ("ca-certificates", "conntrack", "iptables", "kmod", "nftables"))
# What Pulse's own images, and whatever a pipeline stands on here, are built from.
BASES = {
    "python": Root("python", "trixie", ("ca-certificates", "python3", "python3-venv")),
    "jre": Root("jre", "trixie", ("ca-certificates", "openjdk-21-jre-headless")),
    "postgres": Root("postgres", "trixie", ("ca-certificates", "postgresql")),
}

# Image -> (what it is built on, its one program). The tags are those that kubeadm of this version asks for.
PARTS: dict[str, tuple[Root | None, str]] = {
    f"registry.k8s.io/kube-apiserver:{KUBERNETES}": (None, "kube-apiserver"),
    f"registry.k8s.io/kube-controller-manager:{KUBERNETES}": (None, "kube-controller-manager"),
    f"registry.k8s.io/kube-scheduler:{KUBERNETES}": (None, "kube-scheduler"),
    f"registry.k8s.io/kube-proxy:{KUBERNETES}": (TOOLS_ROOT, "kube-proxy"),
    "registry.k8s.io/etcd:3.6.5-0": (None, "etcd"),
    "registry.k8s.io/pause:3.10.1": (None, "pause"),
    "registry.k8s.io/coredns/coredns:v1.12.1": (None, "coredns"),
    "kindest/local-path-provisioner:v0": (None, "local-path-provisioner"),
}
HELPER = "kindest/local-path-helper:v0"
NODE_PROGRAMS = ("kubelet", "kubeadm", "kubectl")


def base(name: str) -> str:
    """The tag of one of BASES, made if it is not there."""
    authorities = CERTIFICATES.read_bytes()
    tag = f"pulse-offline/{name}:{_fingerprint(BASES[name].image, authorities)}"
    if not _is_there(tag):
        with _context({"ca-certificates.crt": CERTIFICATES}) as context:
            # The machine's own authorities, so that an image build reaches what the machine reaches.
            lines = [
                f"FROM {_root(BASES[name])}",
                f"COPY ca-certificates.crt {CERTIFICATES}",
                f"ENV {SEARCH_PATH} LANG=C.UTF-8 SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}",
            ]
            _build(tag, context, lines)
    return tag


def node(cache: Path) -> str:
    """The tag of the node's image, made if it is not there."""
    tag = f"pulse-offline/node:{_node_fingerprint()}"
    if not _is_there(tag):
        programs = {name: program(name, cache) for name in (*NODE_PROGRAMS, *(name for _, name in PARTS.values()))}
        for image, (root, name) in PARTS.items():
            _part(image, root, name, programs[name])
        run("docker", "tag", _root(TOOLS_ROOT), HELPER)
        root_image = _root(NODE_ROOT)
        with _context({name: programs[name] for name in NODE_PROGRAMS}) as context:
            shutil.copytree(NODE_FILES / "files", context / "files")
            (context / "files" / "kind" / "version").write_text(KUBERNETES + "\n")
            (context / "images").mkdir()
            run("docker", "save", "--output", context / "images" / "kubernetes.tar", *PARTS, HELPER)
            _build(tag, context, (NODE_FILES / "Dockerfile").read_text().splitlines(), f"ROOT={root_image}")
        outdated = [image for image in _tags("pulse-offline/node") if image != tag]
        run("docker", "rmi", *PARTS, HELPER, *outdated)  # the node holds its parts now, and is a gigabyte itself
    return tag


def _node_fingerprint() -> str:
    files = sorted(path for path in NODE_FILES.rglob("*") if path.is_file())
    return _fingerprint(
        KUBERNETES,
        NODE_ROOT.image,
        TOOLS_ROOT.image,
        HELPER,
        *(f"{image} {PROGRAMS[name].fingerprint()}" for image, (_, name) in PARTS.items()),
        *(PROGRAMS[name].fingerprint() for name in NODE_PROGRAMS),
        *(file.read_bytes() for file in files),
    )


def _part(image: str, root: Root | None, name: str, path: Path) -> None:
    lines = [
        f"FROM {_root(root) if root else 'scratch'}",
        f"COPY {name} /usr/local/bin/{name}",
        f"ENV {SEARCH_PATH}",
        f'ENTRYPOINT ["/usr/local/bin/{name}"]',
    ]
    with _context({name: path}) as context:
        _build(image, context, lines)


def _root(root: Root) -> str:
    """The image of a root file system, made from Debian's packages if it is not there."""
    if not _is_there(root.image):
        print(f"making {root.image} from Debian's packages, once per machine", flush=True)
        if shutil.which("mmdebstrap") is None:
            debian.install("mmdebstrap", "mmdebstrap")
        with tempfile.TemporaryDirectory() as directory:
            archive = Path(directory) / "root.tar"
            packages = ",".join(root.packages)
            run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", root.release, archive)
            run("docker", "import", "--change", f"ENV {SEARCH_PATH}", archive, root.image)
    return root.image


@contextmanager
def _context(files: Mapping[str, Path]) -> Iterator[Path]:
    """A directory for an image build with those files in it."""
    with tempfile.TemporaryDirectory() as directory:
        for name, path in files.items():
            shutil.copy(path, Path(directory) / name)
        yield Path(directory)


def _build(tag: str, context: Path, lines: list[str], *arguments: str) -> None:
    print(f"building {tag}", flush=True)
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    given = [word for argument in arguments for word in ("--build-arg", argument)]
    # Debian's Docker has no BuildKit client.
    run("docker", "build", "--quiet", *given, "--tag", tag, context, env={**os.environ, "DOCKER_BUILDKIT": "0"})


def _tags(repository: str) -> list[str]:
    return run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", repository).split()


def _is_there(tag: str) -> bool:
    return succeeds("docker", "image", "inspect", tag)


def _fingerprint(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update((part.encode() if isinstance(part, str) else part) + b"\0")
    return digest.hexdigest()[:12]
