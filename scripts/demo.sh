#!/usr/bin/env bash
# Shows a shift at a small call center in the terminal, in under 40 seconds, and leaves nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/setup.sh
exec "$PYTHON" -m scripts.demo "$@"
