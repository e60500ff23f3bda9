#!/usr/bin/env bash
# A real SLURM cluster of one node, on this very machine, for tests:
#
#     tests/slurm_cluster.sh start|stop|status
#
# Needs Debian or Ubuntu and root; needs no systemd, no GPU and no second machine. `start` installs
# what is missing and starts only what is not running, so it can be called before every test.
# While a cluster is installed and stopped, each start of Snakemake waits some 9 s for it (its
# plugin asks for the controller): `apt-get purge slurm-wlm munge` ends that.
set -euo pipefail

readonly MARK="# Written by tests/slurm_cluster.sh."
# SLURM's default folder, because SLURM_CONF does not reach the srun that Snakemake calls in a job.
readonly CONF=/etc/slurm
readonly STATE=/var/lib/slurm-test
readonly LOGS=/var/log/slurm-test
readonly MUNGE_KEY=/etc/munge/munge.key
readonly PATIENCE=60 # seconds

# In the order in which they start: each needs the ones before it.
readonly DAEMONS=(munged slurmctld slurmd)
declare -rA PID_FILE=(
    [munged]=/run/munge/munged.pid [slurmctld]=/run/slurmctld.pid [slurmd]=/run/slurmd.pid
)
declare -rA LOG=(
    [munged]=/var/log/munge/munged.log
    [slurmctld]=$LOGS/slurmctld.log
    [slurmd]=$LOGS/slurmd.log
)

fail() {
    echo "slurm_cluster.sh: $*" >&2
    exit 1
}

running() { # whether the daemon $1 is alive
    local pid
    pid=$(cat "${PID_FILE[$1]}" 2>/dev/null) || return 1
    # The number in a stale file may be another program's by now; a zombie has no exe.
    [[ $(readlink "/proc/$pid/exe") == */"$1"* ]]
}

node_state() {
    sinfo --noheader --Node --format=%T 2>/dev/null || echo unknown
}

refuse_another_cluster() {
    local file
    for file in "$CONF"/slurm.conf "$CONF"/gres.conf; do
        if [[ -e $file ]] && ! grep -qxF "$MARK" "$file"; then
            fail "$file is not this script's: a SLURM cluster is set up here already." \
                "Use that one, or move the file away."
        fi
    done
}

install_packages() {
    local daemon missing=""
    for daemon in "${DAEMONS[@]}" sbatch; do
        command -v "$daemon" >/dev/null || missing+=" $daemon"
    done
    [[ -n $missing ]] || return 0
    command -v apt-get >/dev/null || fail "missing:$missing; apt-get, which brings them, as well"
    local log
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install --yes --no-install-recommends slurm-wlm munge; } \
        >"$log" 2>&1 || fail "apt-get could not install slurm-wlm and munge: read $log"
    rm "$log"
}

write_configuration() {
    local host cpus memory
    host=$(uname -n)
    host=${host%%.*}
    cpus=$(nproc)
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    mkdir -p "$CONF"
    cat >"$CONF"/slurm.conf <<END
$MARK
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
StateSaveLocation=$STATE/slurmctld
SlurmdSpoolDir=$STATE/slurmd
SlurmctldPidFile=${PID_FILE[slurmctld]}
SlurmdPidFile=${PID_FILE[slurmd]}
SlurmctldLogFile=${LOG[slurmctld]}
SlurmdLogFile=${LOG[slurmd]}

# A container may not manage cgroups: jobs are tracked by /proc and are not pinned to cores.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none

# CPUs and memory are handed out one by one, so that jobs run side by side; a job that names no
# memory gets the share of its CPUs, not the whole node.
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=$((memory / cpus))
GresTypes=gpu

# Tests wait for all of these.
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
KillWait=2
ReturnToService=2
# Snakemake waits forever for a finished job that SLURM has forgotten. SLURM forgets after five
# minutes by default, and a paused machine can miss those.
MinJobAge=86400
# Refuses at once what no node can give, where the default is to let it wait for ever.
EnforcePartLimits=ALL

# The sizes written here hold, whatever slurmd makes of a container's sockets and cores.
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:1
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE
END
    # The device stands in for a GPU: who asks for it gets CUDA_VISIBLE_DEVICES=0, others do not.
    printf '%s\n' "$MARK" "Name=gpu Count=1 File=/dev/null" >"$CONF"/gres.conf
}

start_daemon() {
    rm -f "${PID_FILE[$1]}"
    case $1 in
        munged)
            # Its folders must be its own and closed to others, or it refuses to start.
            install -d -o munge -g munge -m 0700 /etc/munge /var/lib/munge /var/log/munge
            install -d -o munge -g munge -m 0755 /run/munge
            rm -f /run/munge/munge.socket*
            [[ -e $MUNGE_KEY ]] || runuser -u munge -- mungekey --create --keyfile "$MUNGE_KEY"
            runuser -u munge -- munged
            ;;
        slurmctld | slurmd)
            # Jobs of an earlier session are gone: forget them.
            rm -rf "${STATE:?}/$1"
            mkdir -p "$STATE/$1" "$LOGS"
            "$1"
            ;;
    esac
}

start() {
    ((EUID == 0)) || fail "only root can start a cluster"
    refuse_another_cluster
    install_packages
    write_configuration
    local daemon
    for daemon in "${DAEMONS[@]}"; do
        running "$daemon" || start_daemon "$daemon" || fail "$daemon: read ${LOG[$daemon]}"
    done

    local deadline=$((SECONDS + PATIENCE)) state
    while ((SECONDS < deadline)); do
        state=$(node_state)
        case $state in
            idle | mixed | allocated | completing)
                echo "slurm_cluster.sh: the node is $state"
                return
                ;;
            down | drain*) scontrol update NodeName=ALL State=RESUME || true ;;
        esac
        sleep 0.5
    done
    for daemon in "${DAEMONS[@]}"; do
        running "$daemon" || fail "$daemon ended by itself: read ${LOG[$daemon]}"
    done
    fail "the node is $state after $PATIENCE s: read ${LOG[slurmctld]} and ${LOG[slurmd]}"
}

stop() {
    ((EUID == 0)) || fail "only root can stop the cluster"
    refuse_another_cluster
    local place daemon deadline=$((SECONDS + PATIENCE))
    if running slurmctld && running slurmd; then
        # A job would outlive its daemons.
        scancel --user=root || true
        while ((SECONDS < deadline)) && [[ -n $(squeue --noheader) ]]; do sleep 0.5; done
    fi
    for ((place = ${#DAEMONS[@]} - 1; place >= 0; place--)); do
        daemon=${DAEMONS[place]}
        running "$daemon" || continue
        kill "$(cat "${PID_FILE[$daemon]}")"
        while running "$daemon"; do
            ((SECONDS < deadline)) || fail "$daemon does not end: read ${LOG[$daemon]}"
            sleep 0.2
        done
    done
    echo "slurm_cluster.sh: stopped"
}

status() {
    local daemon word all=0
    for daemon in "${DAEMONS[@]}"; do
        word=running
        running "$daemon" || { word=stopped all=1; }
        echo "$daemon: $word"
    done
    ((all == 0)) || return 1
    echo "node: $(node_state)"
}

case ${1:-} in
    start | stop | status) "$1" ;;
    *) fail "usage: tests/slurm_cluster.sh start|stop|status" ;;
esac
