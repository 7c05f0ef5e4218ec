# Starts a server and ends it when the parent is gone, however the parent went.
#
# $1 signal that ends the server, $2 tenths of a second it has for that, $3 file for its pid, $4 folder to remove
# afterwards (or empty), $5… the command. Stdin is a pipe whose only writing end the parent holds: it ends with the parent.
# Stdout is read by the parent for one line, the server's pid. Stderr is the server's log.
stop=$1 tenths=$2 pidfile=$3 remove=$4
shift 4
exec 3<&0 4>&1 </dev/null >&2

"$@" 3<&- 4>&- &
server=$!
echo "$server" >"$pidfile"
echo "$server" >&4
exec 4>&-

# The watcher. It alone reads the pipe, so that this shell can wait for the server; it outlives this shell's death.
(
    while read -r _ <&3; do :; done
    trap '' TERM
    kill -s "$stop" "$server" 2>/dev/null
    while [ "$tenths" -gt 0 ] && kill -0 "$server" 2>/dev/null; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
    kill -s KILL "$server" 2>/dev/null
    exit 0
) &
watcher=$!
exec 3<&-

wait "$server"
status=$?
rm -f "$pidfile"
# The watcher ends with 0 only if it saw the parent go; then nobody wants the temporary data any more.
kill -s TERM "$watcher" 2>/dev/null
if wait "$watcher" && [ -n "$remove" ]; then
    rm -rf "$remove"
    rmdir "$(dirname "$remove")" 2>/dev/null
fi
exit "$status"
