# A router between two hosts, each in a network of its own, and what tcpdump sees at both interfaces of the router:
#     unshare --net --mount --pid --fork --kill-child --mount-proc bash router.sh STEP FILE [TCPDUMP'S OPTIONS]
# One exchange; then a request while the cable behind the router is out, so that it is sent again; then the client's end.
set -eu
step=$1 file=$2
shift 2
until_so() {
    local ends=$((SECONDS + 60))
    until "$@"; do
        [ $SECONDS -lt $ends ] || { echo "in vain: $*" >&2; exit 1; }
        sleep 0.02
    done
}
inside() { nsenter --net --target "$@"; }
apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
captured() { [ "$(tcpdump -r "$file" "tcp[tcpflags] & $2 != 0" 2>/dev/null | wc -l)" -ge "$1" ]; }
unshare --net sleep 1000 & client=$!
unshare --net sleep 1000 & server=$!
connect() {
    until_so apart "$2"
    ip link add "$1" type veth peer name eth0 netns "$2"
    ip address add "$3.1/24" dev "$1"
    ip link set "$1" up
    inside "$2" ip address add "$3.2/24" dev eth0
    inside "$2" ip link set eth0 up
    inside "$2" ip route add default via "$3.1"
}
connect client $client 10.1.0
connect server $server 10.2.0
echo 1 >/proc/sys/net/ipv4/ip_forward
inside $server "$step" 10.2.0.2:3000 2>"$file.step" &
# Short packets: the buffer then has room for more than the eight that fit otherwise.
tcpdump -i any -U --immediate-mode -s 256 "$@" -w "$file" tcp 2>"$file.tcpdump" & tcpdump=$!
until_so grep -q listening "$file.step"
until_so grep -q listening "$file.tcpdump"
# Each line that it gets, it sends, and waits for the reply.
exec 3> >(inside $client bash -c '
    exec 4<>/dev/tcp/10.2.0.2/3000
    while read -r line; do echo "$line" >&4; read -r reply <&4; done
    exec 4>&-')
echo 1 >&3
until_so captured 4 tcp-push
ip link set server down
echo 2 >&3
until_so captured 5 tcp-push
ip link set server up
# The reply, at both.
captured_reply() { [ "$(tcpdump -n -r "$file" 'src port 3000 and tcp[tcpflags] & tcp-push != 0' 2>/dev/null | wc -l)" -ge 4 ]; }
until_so captured_reply
exec 3>&-
until_so captured 4 tcp-fin
kill -INT $tcpdump
wait $tcpdump
