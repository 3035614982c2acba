#!/bin/sh
# tool.sh FOLDER NAME: prints one value, as op or pass do, and has exit codes of its own.
if [ -f "$1/$2.fault" ]; then exit "$(cat "$1/$2.fault")"; fi
[ -f "$1/$2" ] || exit 4
cat "$1/$2"
