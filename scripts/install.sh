#!/usr/bin/env bash
# Installs this checkout as a service: scripts/install.sh [--root DIR] [--rollback | --uninstall [--purge]]
#
# Without an option: into /opt/callengine, beside the versions that are there; the database is backed up and
# brought to the new schema, then the new version takes the old one's place. Run again, it changes nothing.
# --rollback brings back the version and the schema from before; what only the newer schema can hold is lost
# (it is in the backup that is made first). --uninstall leaves settings and data, --purge removes them too.
# --root DIR does everything below DIR, for which no root is needed: no user is made, no systemd is told.
# Exit codes: 0 good, 1 failed and the version from before is in place, 2 wrong use or something is missing.
set -euo pipefail

source_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root='' action=install purge=''

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

refuse() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 2
}

say() { printf '%s\n' "$*"; }

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --root)
            [ -n "${2:-}" ] || refuse "--root wants a directory."
            [ -d "$2" ] || refuse "--root: there is no directory $2."
            root=$(cd "$2" && pwd)
            [ "$root" != / ] || root=''
            shift
            ;;
        --rollback | --uninstall)
            [ "$action" = install ] || refuse "--rollback and --uninstall exclude each other."
            action=${1#--}
            ;;
        --purge) purge=yes ;;
        -h | --help)
            sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) refuse "unknown option $1: there are --root DIR, --rollback, --uninstall, --purge and --help." ;;
        esac
        shift
    done
    [ -z "$purge" ] || [ "$action" = uninstall ] || refuse "--purge goes with --uninstall only."
    [[ $root != *[[:space:]\"\'\\%:#]* ]] || refuse "--root: $root has a character that unit files give a meaning."
    [ -n "$root" ] || [ "$(id -u)" -eq 0 ] || refuse "this must be run as root (or with --root DIR, for a look)."
}

name_places() {
    opt=$root/opt/callengine
    etc=$root/etc/callengine
    state=$root/var/lib/callengine
    run=$root/run/callengine
    logs=$root/var/log/callengine
    units=$root/etc/systemd/system
    bin=$root/usr/local/bin
    settings=$etc/settings.toml
}

has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

# Whether the service's user can run a Python; its unit hides what lies in a home.
for_everybody() {
    local place
    place=$("$1" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')
    [ -n "$root" ] || [[ $place != /root/* && $place != /home/* ]]
}

# The first Python that is new enough; make sure that it can make environments. PYTHON, if it is set, is the only one.
find_python() {
    local candidate candidates=(python3 /usr/bin/python3 python3.13 python3.12 python3.11)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
            for_everybody "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "${python:-}" ] ||
        refuse "callengine needs Python 3.11 or newer that lies in nobody's home (tried: ${candidates[*]}): install python3, or set PYTHON."
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || refuse "$python has no venv: install python3-venv."
}

shipped=(callengine alembic alembic.ini config docs systemd setup.cfg pyproject.toml README.md LICENSE-MIT LICENSE-APACHE)

# VERSION-COMMIT; where what is there is no commit, the sum of the files stands for it.
name_version() {
    local number commit file
    for file in "${shipped[@]}"; do
        [ -e "$source_directory/$file" ] || refuse "$source_directory is no checkout of callengine: $file is missing."
    done
    number=$(sed -n 's/^__version__ = "\([0-9a-z.]*\)"$/\1/p' "$source_directory/callengine/__init__.py")
    [ -n "$number" ] || refuse "callengine/__init__.py has no version."
    cd "$source_directory"
    if commit=$(git rev-parse --short=12 HEAD 2>/dev/null) && [ "$(git rev-parse --show-toplevel)" = "$PWD" ] &&
        [ -z "$(git status --porcelain -- "${shipped[@]}" 2>&1)" ]; then
        :
    else
        commit=$(find "${shipped[@]}" -type f ! -name '*.pyc' ! -name .secrets.toml -print0 | sort -z |
            xargs -0 sha256sum | sha256sum | cut -c 1-12)
    fi
    version=$number-$commit
}

# What a version, by its directory, wants to be told where its defaults are; one from before that knew it, nothing.
defaults_of() {
    if grep -q CALLENGINE_CONFIG "$1/systemd/callengine.service"; then printf 'CALLENGINE_CONFIG=%s' "$opt/config"; fi
}

# One call of a program of a version, as the service's user and with the service's settings.
as_service() {
    local as=() defaults
    defaults=$(defaults_of "${1%/venv/bin/*}")
    if [ -z "$root" ] && [ "$(id -u)" -eq 0 ]; then
        as=(setpriv --reuid=callengine --regid=callengine --init-groups --)
    fi
    (cd "$opt" && umask 0027 &&
        env CALLENGINE_ENV=production CALLENGINE_SETTINGS="$settings" ${defaults:+"$defaults"} "${as[@]}" "$@")
}

callengine_of() {
    local directory=$1
    shift
    as_service "$directory/venv/bin/callengine" "$@"
}

make_user() {
    [ -z "$root" ] || return 0
    getent group callengine >/dev/null || groupadd --system callengine
    getent passwd callengine >/dev/null ||
        useradd --system --gid callengine --home-dir /var/lib/callengine --no-create-home \
            --shell /usr/sbin/nologin --comment "callengine" callengine
}

make_directories() {
    mkdir -p "$opt/versions" "$opt/bin" "$etc" "$state/backups" "$logs" "$units" "$bin"
    [ -z "$root" ] || mkdir -p "$run"
    chmod 0750 "$etc" "$state" "$state/backups" "$logs"
    if [ -z "$root" ]; then
        chown root:callengine "$etc"
        chown callengine:callengine "$state" "$state/backups" "$logs"
    fi
}

# Text with the places of this installation.
placed() {
    sed -e "s#/opt/callengine#$opt#g; s#/etc/callengine#$etc#g; s#/var/lib/callengine#$state#g; s#/run/callengine#$run#g" "$1"
}

build() {
    local directory=$opt/versions/$version scratch
    [ -f "$directory/complete" ] && return
    say "Building $version ..."
    rm -rf "$directory"
    mkdir "$directory"
    scratch=$(mktemp -d)
    building=$directory
    trap 'rm -rf "$scratch" "$building"' EXIT
    (cd "$source_directory" && tar -c --exclude=__pycache__ --exclude=.secrets.toml "${shipped[@]}") |
        tar -x --no-same-owner -C "$scratch"
    cp -r "$scratch"/{alembic,alembic.ini,config,docs,systemd} "$directory"
    "$python" -m venv "$directory/venv" || fail "the environment cannot be made."
    "$directory/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$scratch[postgres]" ||
        fail "callengine's packages cannot be installed; nothing has changed."
    chmod -R go+rX,go-w "$directory"
    callengine_of "$directory" --version >/dev/null 2>&1 ||
        fail "the service's user cannot run $python: set PYTHON to one that everybody may use; nothing has changed."
    touch "$directory/complete"
    rm -rf "$scratch"
    trap - EXIT
}

write_settings() {
    [ ! -e "$settings" ] || return 0
    placed "$opt/versions/$version/systemd/settings.toml" >"$settings.new"
    chmod 0640 "$settings.new"
    [ -n "$root" ] || chown root:callengine "$settings.new"
    mv "$settings.new" "$settings"
    say "$settings is new: fill in general.local_ip."
}

# Links are replaced by rename: at every moment there is an old one or a new one.
link() {
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}

write_wrapper() {
    local program=$1 file=$opt/bin/$1 defaults
    defaults=$(defaults_of "$2")
    cat >"$file.new" <<END
#!/bin/sh
# $program of the installed callengine, with the service's settings; for root, as the service's user.
export CALLENGINE_ENV=production CALLENGINE_SETTINGS=$settings $defaults
$([ "$program" = callengine ] || echo "cd $opt || exit  # where alembic.ini is")
if [ -z "$root" ] && [ "\$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=callengine --regid=callengine --init-groups -- $opt/current/venv/bin/$program "\$@"
fi
exec $opt/current/venv/bin/$program "\$@"
END
    chmod 0755 "$file.new"
    mv "$file.new" "$file"
}

# What lies outside of the versions, as the version in the directory $1 has it.
place_files() {
    local unit
    for unit in callengine.service callengine-media@.service; do
        placed "$1/systemd/$unit" >"$units/$unit.new"
        mv "$units/$unit.new" "$units/$unit"
    done
    write_wrapper callengine "$1"
    write_wrapper alembic "$1"
    link "$opt/bin/callengine" "$bin/callengine"
    for unit in alembic alembic.ini config; do
        link "current/$unit" "$opt/$unit"
    done
    if has_systemd; then
        systemctl daemon-reload
        systemctl enable --quiet callengine.service
    fi
}

# The service hands its calls over to the version that is started next; the audio goes on in its own unit.
stop_service() {
    was_running=''
    if has_systemd && systemctl is-active --quiet callengine.service; then
        systemctl stop callengine.service
        was_running=yes
    fi
}

# Also when something failed, then with the version from before.
start_service() {
    [ -z "${was_running:-}" ] || systemctl start callengine.service || fail "the service does not start: see journalctl -u callengine."
}

back_up() {
    local directory=$1 file revision
    revision=$(database_revision "$directory") || return
    [ -n "$revision" ] || return 0
    file=$state/backups/$(date -u +%Y%m%dT%H%M%SZ)-$2.backup
    callengine_of "$directory" db backup "$file"
}

# Empty if there is no database yet.
database_revision() {
    as_service "$1/venv/bin/python" -c '
from callengine.config import load
from callengine.db import schema
print(schema.current(load().database.url) or "")'
}

head_of() { as_service "$1/venv/bin/python" -c 'from callengine.db import schema; print(schema.head())'; }

knows() {
    as_service "$1/venv/bin/python" -c '
import sys
from callengine.db import schema
sys.exit(not schema.knows(sys.argv[1]))' "$2"
}

# The version that runs ($1) gives way to the other ($2).
switch() {
    local before=$1 after=$2
    if [ -n "$before" ]; then link "versions/${before##*/}" "$opt/previous"; fi
    link "versions/${after##*/}" "$opt/current"
    place_files "$after"
}

current_directory() { [ ! -e "$opt/current" ] || readlink -f "$opt/current"; }

install() {
    local before new=$opt/versions/$version
    before=$(current_directory)
    make_user
    make_directories
    build
    write_settings
    if [ "$before" = "$new" ]; then
        place_files "$new"
        say "$version is installed already."
        return
    fi
    [ -z "$before" ] || refuse_while_it_runs
    [ -z "$before" ] || upgrade_database "$new"
    switch "$before" "$new"
    start_service
    remove_older
    say "$version is installed${before:+; ${before##*/} is kept for --rollback}."
    [ -n "$before" ] || say "Next: edit $settings, then: $(how_to_start)"
}

how_to_start() {
    if [ -n "$root" ]; then
        printf '%s' "$bin/callengine db upgrade && $bin/callengine serve"
    else
        printf '%s' "systemctl start callengine"
    fi
}

upgrade_database() {
    local new=$1
    callengine_of "$new" config check >/dev/null || fail "the new version refuses the settings; nothing has changed."
    back_up "$new" "before-$version" || fail "the database cannot be backed up; nothing has changed."
    stop_service
    if ! callengine_of "$new" db upgrade; then
        start_service
        fail "the database cannot be brought to the new version; the version from before is in place."
    fi
}

# All but the version in place, the one before it, and those in which something still runs, such as the media process.
remove_older() {
    local directory
    for directory in "$opt"/versions/*; do
        if [ "$directory" = "$(readlink -f "$opt/current")" ] || [ "$directory" = "$(readlink -f "$opt/previous")" ]; then
            continue
        elif runs_in "$directory"; then
            say "${directory##*/} is kept too, since a process runs in it; an upgrade after its end removes it."
        else
            rm -rf "$directory"
        fi
    done
}

# Whether a process was started from this version; its first word is that version's Python.
runs_in() {
    local file program
    for file in /proc/[0-9]*/cmdline; do
        if IFS= read -r -d '' program 2>/dev/null <"$file" && [[ $program == "$1"/* ]]; then return; fi
    done 2>/dev/null
    return 1
}

# Where no systemd can stop it, the service must be ended by whoever started it.
refuse_while_it_runs() {
    has_systemd && return
    if [ -S "$run/callengine.sock" ] && [ -e "$opt/current" ] && callengine_of "$opt/current" status >/dev/null 2>&1; then
        fail "the service runs, and no systemd can stop it: end it first (SIGTERM, or callengine drain --wait); nothing has changed."
    fi
}

rollback() {
    local before after
    [ -e "$opt/current" ] || fail "nothing is installed in $opt."
    [ -e "$opt/previous" ] || fail "there is no version from before: only one was ever installed."
    before=$(readlink -f "$opt/current") after=$(readlink -f "$opt/previous")
    refuse_while_it_runs
    back_up "$before" "before-rollback-of-${before##*/}" || fail "the database cannot be backed up; nothing has changed."
    stop_service
    if ! take_schema_to "$before" "$after"; then
        start_service
        fail "the schema cannot be brought back; ${before##*/} stays in place."
    fi
    switch "$before" "$after"
    start_service
    say "${after##*/} is back in place; ${before##*/} is kept: --rollback again returns to it."
}

# Down with the migrations of the newer version, which alone knows them; up if the version from before is newer.
take_schema_to() {
    local before=$1 after=$2 revision wanted
    revision=$(database_revision "$before") || return
    [ -n "$revision" ] || return 0
    wanted=$(head_of "$after") || return
    if ! knows "$before" "$wanted"; then
        callengine_of "$after" db upgrade
    elif [ "$wanted" != "$revision" ]; then
        say "The schema goes back to $wanted: what only the newer one can hold is in the backup alone."
        callengine_of "$before" db downgrade "$wanted"
    fi
}

unit_processes() {
    if has_systemd; then
        systemctl show --property=MainPID --value callengine.service 'callengine-media@*.service' 2>/dev/null || true
    fi
}

# $1: processes that may be there, one a line; $2: what has become of the installation until now.
refuse_processes_but() {
    local pid found=''
    [ -z "$root" ] || return 0
    for pid in $(pgrep --euid callengine 2>/dev/null); do
        grep -qx "$pid" <<<"$1" || found+=" $pid"
    done
    [ -z "$found" ] || fail "processes of the user callengine run: end them first (${found# }); $2."
}

uninstall() {
    refuse_while_it_runs
    refuse_processes_but "$(unit_processes)" "nothing has changed"
    if has_systemd; then
        callengine_of "$opt/current" drain --wait 2>/dev/null || true
        systemctl disable --now --quiet callengine.service 2>/dev/null || true
        systemctl stop 'callengine-media@*.service' 2>/dev/null || true
    fi
    refuse_processes_but '' "the service is stopped, and nothing is removed"
    rm -f "$units/callengine.service" "$units/callengine-media@.service" "$bin/callengine"
    rm -rf "$opt" "$run"
    if has_systemd; then systemctl daemon-reload; fi
    if [ -n "$purge" ]; then
        rm -rf "$etc" "$state" "$logs"
        if [ -z "$root" ]; then
            remove_user
        fi
        say "callengine is removed, with its settings and data."
    else
        say "callengine is removed; $etc, $state and $logs are left (--uninstall --purge removes them)."
    fi
}

# userdel tells of a group that it leaves, which then goes too: what it says matters where it fails.
remove_user() {
    local said
    if getent passwd callengine >/dev/null; then
        said=$(userdel callengine 2>&1) || fail "the user callengine cannot be removed: $said"
    fi
    ! getent group callengine >/dev/null || groupdel callengine
}

read_options "$@"
name_places
cd /
if [ "$action" = install ]; then
    name_version
    cd /
    [ -f "$opt/versions/$version/complete" ] || find_python
fi
"$action"
