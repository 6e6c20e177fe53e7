# shellcheck shell=bash
# Two network namespaces joined by a veth pair, for tests that want a NIC: the node's and a far one.
# Sourced by shell tests:
#
#     . "$(dirname "$0")/namespace.sh"
#     net_make                          # removed at exit, with all that net_start started
#     net_start node log.txt program... # in the background; its process id is in net_pid
#     net_in far ping -c 1 "$node_ipv4"
#
# Run by tests in other languages, which keep the names and remove them themselves:
#
#     bash namespace.sh make ID [QUEUES]     prints name=value lines
#     bash namespace.sh remove ID
#
# In both namespaces the interface is called nic. UDP checksums are left to be filled in, as between
# containers of one machine; `net_in SIDE ethtool -K nic tx off` has that side compute them.

net_id=${net_id:-$$}
node_ipv4=10.77.0.1 far_ipv4=10.77.0.2
node_ipv6=fd00:77::1 far_ipv6=fd00:77::2
node_mac=02:77:00:00:00:01 far_mac=02:77:00:00:00:02
net_pids=() net_pid=''

net_name() {
	echo "nn5g-$net_id-$1"
}

# Runs a command in the namespace of a side, "node" or "far".
net_in() {
	local side=$1
	shift
	ip netns exec "$(net_name "$side")" "$@"
}

net_side_up() {
	local side=$1 mac=$2 ipv4=$3 ipv6=$4
	net_in "$side" ip link set dev lo up
	net_in "$side" ip link set dev nic address "$mac"
	net_in "$side" ip address add "$ipv4/24" dev nic
	net_in "$side" ip address add "$ipv6/64" dev nic nodad
	net_in "$side" ip link set dev nic up
}

# Makes both, with as many receive queues as given (1).
net_make() {
	local queues=${1:-1} side
	# A test with more to clean up has set a trap of its own, which calls net_remove.
	[[ -n $(trap -p EXIT) ]] || trap net_remove EXIT
	for side in node far; do
		ip netns add "$(net_name "$side")"
	done
	ip link add nic netns "$(net_name node)" numrxqueues "$queues" numtxqueues "$queues" type veth \
		peer name nic netns "$(net_name far)" numrxqueues "$queues" numtxqueues "$queues"
	net_side_up node "$node_mac" "$node_ipv4" "$node_ipv6"
	net_side_up far "$far_mac" "$far_ipv4" "$far_ipv6"
}

# net_start SIDE LOG COMMAND... starts a program there that ends with the test.
net_start() {
	local side=$1 log=$2
	shift 2
	# Now, not when the child comes to it: nobody may wait for what an earlier one wrote.
	: >"$log"
	ip netns exec "$(net_name "$side")" "$@" >"$log" 2>&1 </dev/null &
	net_pid=$!
	net_pids+=("$net_pid")
}

# Ends what net_start started, if it still runs. Returns its exit status.
net_stop() {
	local pid=$1 status=0
	kill -TERM "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}

net_remove() {
	local pid side
	for pid in "${net_pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	net_pids=()
	for side in node far; do
		ip netns delete "$(net_name "$side")" 2>/dev/null || true
	done
}

# Waits until a command succeeds, at most SECONDS; a condition, not a pause.
net_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

# Whether an XDP program is on the interface of a side.
net_has_xdp() {
	net_in "$1" ip -details link show dev nic | grep -q 'prog/xdp'
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	set -euo pipefail
	net_id=${2:?usage: namespace.sh make|remove ID}
	case $1 in
	make)
		net_make "${3:-1}"
		trap - EXIT
		printf 'node=%s\nfar=%s\n' "$(net_name node)" "$(net_name far)"
		printf 'node_ipv4=%s\nfar_ipv4=%s\n' "$node_ipv4" "$far_ipv4"
		printf 'node_ipv6=%s\nfar_ipv6=%s\n' "$node_ipv6" "$far_ipv6"
		printf 'node_mac=%s\nfar_mac=%s\n' "$node_mac" "$far_mac"
		;;
	remove) net_remove ;;
	*)
		echo "usage: namespace.sh make|remove ID" >&2
		exit 2
		;;
	esac
fi
