#!/bin/sh
# Installs the real servers that the tests marked `interop` start; quick when all are there.
set -eu
cd "$(dirname "$0")/../.."

# /usr/sbin is not on everybody's PATH, so dpkg is asked.
had_kamailio=$(dpkg-query -W -f '${db:Status-Status}' kamailio 2>/dev/null || true)
tools/apt-install kamailio kamailio-websocket-modules kamailio-tls-modules kamailio-extra-modules

# Where systemd runs Debian starts a daemon on install. The tests start their own; one that the user had is left alone.
if [ "$had_kamailio" != installed ] && [ -d /run/systemd/system ]; then
    $([ "$(id -u)" = 0 ] || echo sudo -n) systemctl disable --now --quiet kamailio
fi
