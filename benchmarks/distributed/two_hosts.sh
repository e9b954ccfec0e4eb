#!/bin/sh
# Two network namespaces of this machine as two hosts, with a cable of a given rate between them; runs a command on
# both as two ranks of MPI. Needs root, iproute2, Open MPI. Usage: two_hosts.sh RATE COMMAND...   (RATE as tc has it:
# 500mbit; "none": as fast as it goes)
rate=$1
shift
a=cclip-a-$$ b=cclip-b-$$
agent=$(mktemp) || exit 1
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -f "$agent"' EXIT
trap 'exit 1' INT TERM
ip netns add $a && ip netns add $b &&
    ip link add veth0 netns $a type veth peer name veth0 netns $b || exit 1
for host in 1 2; do
    eval "in=\$$(echo ab | cut -c$host)"
    ip -n $in addr add 10.77.7.$host/24 dev veth0
    ip -n $in link set lo up
    ip -n $in link set veth0 up
    [ "$rate" = none ] || ip netns exec $in tc qdisc add dev veth0 root tbf rate "$rate" burst 128kb latency 15ms || exit 1
done
# What MPI uses instead of ssh: a shell in the other namespace, under a host name of its own.
printf '#!/bin/sh\nshift\nexec ip netns exec %s unshare --uts sh -c "hostname cclip-b; $*"\n' $b >"$agent"
chmod +x "$agent"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ip netns exec $a mpirun --host 10.77.7.1:1,10.77.7.2:1 --mca plm_rsh_agent "$agent" --mca btl tcp,self --mca pml ob1 \
    --mca btl_tcp_if_include 10.77.7.0/24 --mca oob_tcp_if_include 10.77.7.0/24 --bind-to none -n 2 "$@"
