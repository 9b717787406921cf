#!/bin/sh
# Makes /opt/pulse: one component of the workspace and what it needs, at the locked versions and with the locked hashes.
# Two steps, so that a change of code does not fetch its dependencies again:
#   install.sh dependencies FOLDER   needs the pyproject.toml of FOLDER and of core, requirements/ and the lock
#   install.sh code FOLDER           needs both folders whole
#   install.sh wheel FOLDER          needs one wheel there, built for this workspace
# Only the build stage of an image runs this; none of its tools reach the image.
set -eu
step=$1 folder=$2
tools=/build/tools

uv() {
    "$tools/bin/uv" "$@" --quiet --no-cache
}

case $step in
dependencies)
    python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement requirements/uv.txt
    python3 -m venv --without-pip /opt/pulse
    # The lock holds the whole workspace; this picks the component's part of it, and the next line checks the hashes.
    uv pip compile --python /opt/pulse/bin/python --no-header --no-annotate --constraint requirements.lock \
        --override requirements/overrides.txt --no-emit-package pulse-clickstream-core \
        --output-file /build/wanted.txt core/pyproject.toml "$folder/pyproject.toml"
    uv pip install --python /opt/pulse/bin/python --no-deps --only-binary :all: --compile-bytecode \
        --constraint requirements.lock --requirement /build/wanted.txt
    ;;
code)
    uv pip install --python /opt/pulse/bin/python --no-deps --compile-bytecode \
        --build-constraint requirements.lock ./core "./$folder"
    rm -f /opt/pulse/.lock
    ;;
wheel)
    uv pip install --python /opt/pulse/bin/python --no-deps --no-index "$folder"/*.whl
    rm -f /opt/pulse/.lock
    ;;
*)
    echo "install.sh: $step is no step: say dependencies, code or wheel" >&2
    exit 2
    ;;
esac
