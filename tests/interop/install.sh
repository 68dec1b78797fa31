#!/bin/sh
# Installs the real servers, phones and browser that the tests marked `interop` start; quick when all are there.
set -eu
cd "$(dirname "$0")/../.."

# /usr/sbin is not on everybody's PATH, so dpkg is asked.
status() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true; }
had_kamailio=$(status kamailio)
had_rtpengine=$(status rtpengine-daemon)
had_coturn=$(status coturn)
tools/apt-install kamailio kamailio-websocket-modules kamailio-tls-modules kamailio-extra-modules \
    rtpengine-daemon baresip-core sip-tester chromium coturn \
    pulseaudio pulseaudio-utils libportaudio2 libasound2-plugins \
    libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3
command -v npm >/dev/null || tools/apt-install nodejs npm

# Where systemd runs Debian starts daemons on install. The tests start their own; one that the user had is left alone.
disable() {
    if [ "$2" != installed ] && [ -d /run/systemd/system ]; then
        $([ "$(id -u)" = 0 ] || echo sudo -n) systemctl disable --now --quiet "$1"
    fi
}
disable kamailio "$had_kamailio"
disable rtpengine-daemon "$had_rtpengine"
disable coturn "$had_coturn"

# JsSIP, which the browser runs.
cd tests/interop
[ node_modules/.package-lock.json -nt package.json ] || npm install --silent --no-audit --no-fund --no-package-lock
