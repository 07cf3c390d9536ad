#!/usr/bin/env bash
# Set up latentd on Debian or Raspberry Pi OS: a demo, the tests, or a permanent rig. Safe to run twice.
set -euo pipefail
readonly CALLED_FROM=$PWD
cd -- "$(dirname -- "${BASH_SOURCE[0]}")" > /dev/null

usage() {
    cat << 'END'
Usage: ./setup.sh demo [OPTION...]   install what is missing, then play (options go to `latentd demo`)
       ./setup.sh test               install what is missing, then run all checks and tests
       ./setup.sh install            a permanent rig: JACK, amSynth and latentd at every login or boot
       ./setup.sh uninstall          remove the permanent rig
END
}

readonly PLAY_PACKAGES=(jackd2 amsynth)
readonly TEST_PACKAGES=(pipewire pipewire-bin pipewire-jack wireplumber dbus-x11 dbus-daemon systemd shellcheck)
# Where python-rtmidi has no wheel it is built from source.
readonly BUILD_PACKAGES=(g++ pkg-config python3-dev libasound2-dev libjack-jackd2-dev)
readonly TEST_PROGRAMS=(jackd jack_lsp amsynth pipewire pw-jack pw-cli wireplumber dbus-run-session systemd-analyze shellcheck)

readonly CONSTRAINTS=tests/constraints.txt
readonly LOG="$PWD/build/setup.log" # the output of apt and pip
readonly UNITS="${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
readonly SETTINGS="${XDG_CONFIG_HOME:-$HOME/.config}/latentd/rig.env"

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

# quietly WHAT COMMAND...: run it with its output in the log; show the end of the log when it fails.
quietly() {
    local what=$1
    shift
    if ! "$@" >> "$LOG" 2>&1; then
        tail -n 15 "$LOG" >&2
        die "$what failed; its whole output is in $LOG"
    fi
}

# --- system packages ---------------------------------------------------------------------------------------------

is_root() { [ "$EUID" -eq 0 ]; }

as_root() {
    if is_root; then env "$@"; else sudo env "$@"; fi
}

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

apt_updated=no
need_packages() {
    local package missing=()
    command -v apt-get > /dev/null || die "no apt-get here; install by hand: $*"
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! is_root && ! sudo true; then
        die "this needs root or sudo; ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}"
    fi
    if [ "$apt_updated" = no ]; then
        say "Refreshing the package lists"
        quietly "apt-get update" as_root apt-get -o DPkg::Lock::Timeout=300 update
        apt_updated=yes
    fi
    say "Installing ${missing[*]}"
    quietly "installing ${missing[*]}" as_root DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
}

# --- Python ------------------------------------------------------------------------------------------------------

need_python() {
    command -v python3 > /dev/null || need_packages python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, this is $(python3 -V); Debian 12 and Raspberry Pi OS 12 have it"
    python3 -c 'import ensurepip, venv' 2> /dev/null || need_packages python3-venv
}

# fill_venv VENV EXTRAS CONSTRAINTS: install latentd, editable, in a virtual environment; does nothing if it is up to date.
fill_venv() {
    local venv=$1 extras=$2 constraints=$3 wanted
    wanted=$(
        python3 -V
        printf '%s\n' "$PWD" "$extras"
        cat pyproject.toml "$constraints"
    )
    if [ "$(cat "$venv/installed.txt" 2> /dev/null)" = "$wanted" ]; then return; fi
    # After the checkout has moved, or with another Python, the old environment is broken: make a new one.
    if [ "$(head -n 2 "$venv/installed.txt" 2> /dev/null)" != "$(head -n 2 <<< "$wanted")" ]; then
        quietly "python3 -m venv $venv" python3 -m venv --clear "$venv"
    fi
    printf '%s\n' "$(head -n 2 <<< "$wanted")" > "$venv/installed.txt"
    say "Installing latentd${extras:+ with its extras $extras} into $venv"
    if ! pip_install "$venv" "$constraints" --only-binary :all: python-rtmidi >> "$LOG" 2>&1; then
        need_packages "${BUILD_PACKAGES[@]}"
    fi
    quietly "pip install" pip_install "$venv" "$constraints" -e ".${extras:+[$extras]}"
    printf '%s\n' "$wanted" > "$venv/installed.txt"
}

pip_install() {
    local venv=$1 constraints=$2
    shift 2
    "$venv/bin/python" -m pip --disable-pip-version-check install --no-input -c "$constraints" "$@"
}

# An environment that `setup.sh test` has filled keeps its extras.
need_latentd() {
    need_python
    if [ -d .venv ] && sed -n 3p .venv/installed.txt 2> /dev/null | grep -q dev; then
        fill_venv .venv dev,cluster "$CONSTRAINTS"
    else
        fill_venv .venv "" "$CONSTRAINTS"
    fi
}

# --- test --------------------------------------------------------------------------------------------------------

failed=()
times=()

# stage NAME COMMAND...: run it and note how long it took; a failure does not stop the next stages.
stage() {
    local name=$1 start=$SECONDS result=ok
    shift
    say "$name"
    "$@" || {
        failed+=("$name")
        result=FAILED
    }
    times+=("$(printf '%5d s  %-6s  %s' "$((SECONDS - start))" "$result" "$name")")
}

need_test_tools() {
    local program
    need_packages "${PLAY_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    command -v jack_lsp > /dev/null || need_packages jack-example-tools # a part of jackd2 until Debian 12
    for program in "${TEST_PROGRAMS[@]}"; do
        command -v "$program" > /dev/null || die "$program is missing although its package is installed"
    done
    need_python
    fill_venv .venv dev,cluster "$CONSTRAINTS"
}

# The minimal install: no torch, and on Python 3.11 the oldest packages that pyproject.toml allows (newer Pythons have
# no wheels of those).
need_minimal_venv() {
    local constraints=$CONSTRAINTS
    if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
        constraints=tests/constraints-lowest.txt
    fi
    fill_venv .venv-minimal test "$constraints"
}

# A test that hangs is interrupted as by Ctrl-C, so that it still ends the programs it has started.
limited() { timeout --foreground --signal=INT --kill-after=60 1800 "$@"; }

# The pure tests in both environments at once: each uses one core.
pure_tests() {
    local log=build/minimal.log minimal failures=0
    limited .venv-minimal/bin/python -m pytest -q -m "not real and not offline" > "$log" 2>&1 &
    minimal=$!
    limited .venv/bin/python -m pytest -q -m "not real and not offline" || failures=1
    wait "$minimal" || failures=1
    say "The same on the minimal install"
    cat "$log"
    return "$failures"
}

run_tests() {
    local start=$SECONDS python=.venv/bin/python
    need_test_tools
    need_minimal_venv
    times+=("$(printf '%5d s  %-6s  %s' "$((SECONDS - start))" ok "installing")")
    stage "Lint" $python -m ruff check .
    stage "Format" $python -m ruff format --check .
    stage "Types" $python -m mypy
    stage "Shell scripts" shellcheck setup.sh .ci/run
    stage "Pure tests, here and on the minimal install" pure_tests
    stage "Tests on the real synth" limited $python -m pytest -q -m real
    stage "Offline tests" limited $python -m pytest -q -m offline
    printf '\n'
    printf '%s\n' "${times[@]}"
    if [ "${#failed[@]}" -gt 0 ]; then die "failed: $(printf '%s; ' "${failed[@]}")see above"; fi
    say "All green in $SECONDS s"
}

# --- install -----------------------------------------------------------------------------------------------------

readonly UNIT_NAMES=(latentd-jack.service latentd-amsynth.service latentd.service latentd.target)

# The units in systemd/ are for /opt/latentd; the installed copies have this checkout, quoted for systemd.
write_units() {
    local unit text here=${PWD//%/%%}
    case $PWD in
        *[\"\'\\]*) die "systemd cannot start a program in a folder with a quote or backslash in its name: move $PWD" ;;
    esac
    mkdir -p "$UNITS"
    for unit in "${UNIT_NAMES[@]}"; do
        text=$(< "systemd/$unit")
        printf '%s\n' "${text//\/opt\/latentd/"$here"}" > "$UNITS/$unit"
    done
    say "Wrote ${UNIT_NAMES[*]} to $UNITS"
}

# The settings file belongs to the user: it is written once, with the sound card and the JACK that are found now.
write_settings() {
    local card driver="dummy -r 48000 -p 128" jack=jackd
    if [ -e "$SETTINGS" ]; then
        say "Kept your settings in $SETTINGS"
        return
    fi
    card=$(.venv/bin/python -c 'from latentd.system.machine import best_card; print(best_card() or "")')
    [ -z "$card" ] || driver="alsa -d hw:$card -r 48000 -p 128 -n 2"
    mkdir -p "$(dirname "$SETTINGS")"
    sed "s|^JACKD_OPTIONS=.*|JACKD_OPTIONS=-R -P 70 -d $driver|" systemd/rig.env > "$SETTINGS"
    if [ "$(.venv/bin/python -c 'from latentd.system.machine import jack_is_pipewire; print(jack_is_pipewire())')" = True ]; then
        jack=pipewire
        sed -i -e 's|^LATENTD_JACK=.*|LATENTD_JACK=pipewire|' -e 's|^#LD_LIBRARY_PATH|LD_LIBRARY_PATH|' "$SETTINGS"
    fi
    say "Wrote $SETTINGS: JACK from $jack, sound card: ${card:-none found, so JACK is silent}"
}

user_systemd() { systemctl --user show-environment > /dev/null 2>&1; }

# `sudo ./setup.sh install` sets up a rig for root, which no user who logs in ever gets.
warn_root() {
    cat >&2 << 'END'
setup.sh: warning: running as root installs the rig for root, and it runs as root.
    To install it for the user who plays, press Ctrl-C now and run, as that user and without sudo (it asks for the
    password itself): ./setup.sh install
    Where it is installed for root already, remove it first: sudo ./setup.sh uninstall
END
}

install_rig() {
    if is_root; then warn_root; fi
    need_packages "${PLAY_PACKAGES[@]}"
    need_latentd
    .venv/bin/latentd midimap --install
    write_units
    write_settings
    if user_systemd; then
        quietly "systemctl --user daemon-reload" systemctl --user daemon-reload
        quietly "systemctl --user enable" systemctl --user enable latentd.target
        quietly "systemctl --user restart" systemctl --user restart latentd.target
        say "Enabled and started"
    else
        say "systemd does not run for this user; once it does (after a login), start the rig with"
        printf '    systemctl --user daemon-reload && systemctl --user enable --now latentd.target\n'
    fi
    next_steps
}

next_steps() {
    cat << END

Status     systemctl --user status 'latentd*'  and  journalctl --user -u latentd -f
           .venv/bin/latentd status  and  .venv/bin/latentd doctor
Input      .venv/bin/latentd ports  prints the addresses for phones and the MIDI ports
Notes      latentd changes the sound of the notes that you play: name your keyboard or sequencer in jack.keyboards of
           ~/.config/latentd/config.yaml, and latentd connects it to amSynth whenever both are there. Or let the rig play
           by itself: notes: there holds a chord or plays a MIDI file (systemd/README.md)
Settings   $SETTINGS, then: systemctl --user restart latentd.target
At boot    sudo loginctl enable-linger $(id -un)  (without it the rig starts when you log in)
Undo       ./setup.sh uninstall
END
    if [ "$(ulimit -r)" = 0 ]; then
        cat << END
Real time  sudo dpkg-reconfigure -p high jackd2 (answer yes), sudo usermod -aG audio $(id -un), then log in again;
           without it JACK crackles under load
END
    fi
}

uninstall_rig() {
    local unit
    if user_systemd; then
        systemctl --user disable --now latentd.target >> "$LOG" 2>&1 || true # fails if it is not installed
    fi
    for unit in "${UNIT_NAMES[@]}"; do rm -f "$UNITS/$unit"; done
    if user_systemd; then quietly "systemctl --user daemon-reload" systemctl --user daemon-reload; fi
    say "Removed the units; $SETTINGS and amSynth's controllers file stay"
}

# --- the commands ------------------------------------------------------------------------------------------------

demo() {
    need_packages "${PLAY_PACKAGES[@]}"
    need_latentd
    local latentd=$PWD/.venv/bin/latentd
    cd -- "$CALLED_FROM" # relative paths in the options start there
    exec "$latentd" demo "$@"
}

# wrong WHAT: report a mistake of the user.
wrong() {
    printf 'setup.sh: %s\n' "$1" >&2
    usage >&2
    exit 2
}

main() {
    local command=${1:-}
    [ $# -eq 0 ] || shift
    case $command in
        test | install | uninstall)
            case ${1:-} in
                "") ;;
                -h | --help) command=--help ;;
                *) wrong "$command takes no options: $1" ;;
            esac
            ;;
    esac
    case $command in
        demo | test | install | uninstall)
            mkdir -p "$(dirname "$LOG")"
            : > "$LOG"
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            [ -z "$command" ] || wrong "no command $command"
            usage >&2
            exit 2
            ;;
    esac
    case $command in
        demo) demo "$@" ;;
        test) run_tests ;;
        install) install_rig ;;
        uninstall) uninstall_rig ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
