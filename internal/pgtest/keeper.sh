# Runs the command in "$@" until standard input ends, then removes directory $1.
# See start_unix.go. Plain sh: it runs wherever the tests do.
dir=$1
shift
exec 3<&0
"$@" 3<&- &
server=$!
{
	read -r _ <&3
	# An immediate shutdown: nothing in this server is worth a checkpoint.
	[ -e "$dir/exited" ] || kill -QUIT "$server"
} &
guard=$!
wait "$server"
: >"$dir/exited"
wait "$guard"
cd /
rm -rf "$dir"
