#!/usr/bin/env bash
# The browser tests drive the system's own Chromium. Install it where that is possible, else say how.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the browser tests …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null </dev/null
    exit 0
fi
echo "The browser tests need Chromium. On Debian: sudo apt-get install chromium" >&2
echo "Without it, run: make quick" >&2
exit 2
