#!/bin/sh
# Usage: reaper.sh SIGNAL [FOLDER]
#
# Outlives whoever started it, and ends what that one leaves behind. Reads lines from standard input:
#   watch TARGET    a process id, or -ID for a whole process group
#   forget TARGET   it has ended by itself
# When standard input closes, because the other end is done or dead (by whatever signal), it sends SIGNAL to all
# targets, after two seconds SIGKILL, and removes FOLDER.
trap '' HUP INT QUIT TERM
signal=$1
folder=$2
targets=

while read -r verb target; do
  case $verb in
  watch) targets="$targets $target" ;;
  forget)
    rest=
    for other in $targets; do
      [ "$other" = "$target" ] || rest="$rest $other"
    done
    targets=$rest
    ;;
  esac
done

alive() {
  for target in $targets; do
    kill -s 0 -- "$target" 2>/dev/null && return 0
  done
  return 1
}

for target in $targets; do kill -s "$signal" -- "$target" 2>/dev/null; done
tries=0
while alive && [ $tries -lt 40 ]; do
  tries=$((tries + 1))
  sleep 0.05 2>/dev/null || sleep 1
done
for target in $targets; do kill -s KILL -- "$target" 2>/dev/null; done
[ -z "$folder" ] || rm -rf -- "$folder"
