#!/usr/bin/env bash
# Sets everything up and runs the call center: on SQLite in the current checkout, with the demo agents alice
# and bob. Their passwords are made at the first run and kept in .run/demo-agents.csv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/setup.sh

agents=.run/demo-agents.csv

make_agents() {
    local name
    mkdir -p .run
    install -m 600 /dev/null "$agents"
    {
        echo "name,password,queues,skills"
        for name in alice bob; do
            echo "$name,$("$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(9))'),support,"
        done
    } >"$agents"
}

# Agents are added together, so one that is there already means that both are.
add_agents() {
    local said known=yes
    [ -f "$agents" ] || { make_agents && known=no; }
    if ! said=$("$PYTHON" -m callengine agents import "$agents" 2>&1); then
        if [[ $said != *already* ]]; then
            printf '%s\n' "$said" >&2
            exit 1
        fi
        [ "$known" = yes ] || rm "$agents"
    fi
    [ -f "$agents" ] || return 0
    echo "Demo agents, for any SIP phone:"
    tail -n +2 "$agents" | while IFS=, read -r name password _; do
        echo "  name $name   password $password"
    done
}

if "$PYTHON" -m callengine status >/dev/null 2>&1; then
    echo "The call center is running here already; \`callengine status\` shows it." >&2
    exit 1
fi
"$PYTHON" -m callengine db upgrade
add_agents
exec "$PYTHON" -m callengine serve
