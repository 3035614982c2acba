#!/bin/sh
# A helper for Keyfall's provider `exec` over a folder with one file a secret: folder.sh FOLDER
. "$(dirname "$0")/protocol.sh"
folder=${1:?"usage: folder.sh FOLDER"}

is_there() { [ -d "$folder" ]; }

names() {
  for file in "$folder"/*; do
    name=${file##*/}
    case $name in
      *[!A-Za-z0-9_.-]* | -*) ;;
      *) if [ -f "$file" ]; then printf '%s\n' "$name"; fi ;;
    esac
  done
}

holds() { [ -f "$folder/$1" ]; }

get() {
  [ -r "$folder/$1" ] || return 77
  cat "$folder/$1"
}

put() { cat >"$folder/.$1.tmp" && mv -f "$folder/.$1.tmp" "$folder/$1"; }

drop() { rm -f "$folder/$1"; }

serve
