#!/usr/bin/env bash
# Debian's Chromium and its driver, for the tests of the report: installs what is missing, as root.
#
#     tests/chromium.sh
set -euo pipefail

command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit
((EUID == 0)) && command -v apt-get >/dev/null || {
    echo "chromium.sh: chromium and chromedriver are missing; on Debian, as root:" \
        "apt-get install chromium chromium-driver" >&2
    exit 1
}
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install --yes --no-install-recommends chromium chromium-driver; } \
    >"$log" 2>&1 || {
    echo "chromium.sh: apt-get could not install chromium and chromium-driver: read $log" >&2
    exit 1
}
rm "$log"
