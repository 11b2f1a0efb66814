#!/usr/bin/env bash
# Make the virtual environment $VENV with $PYTHON (3.11 or newer), and say what is missing where that fails.
set -euo pipefail

"$PYTHON" - <<'PY' || { echo "Teahouse needs Python 3.11 or newer; try: make PYTHON=python3.12 …" >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

if ! "$PYTHON" -m venv "$VENV" 2>/tmp/teahouse-venv.$$; then
    rm -rf "$VENV"
    # Debian splits venv off from Python
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
        "$PYTHON" -m venv "$VENV"
    else
        cat /tmp/teahouse-venv.$$ >&2
        echo "On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
        exit 2
    fi
fi
rm -f /tmp/teahouse-venv.$$
