#!/bin/sh
# with-fault.sh FILE COMMAND…: becomes COMMAND, unless FILE says how a program may fail.
if [ -e "$1" ]; then
  IFS= read -r fault <"$1"
  case $fault in
    stall) exec sleep 1000 ;;
    cut) printf '{"name":"ALPHA","va' && exit ;;
    *) exit "$fault" ;;
  esac
fi
shift
exec "$@"
