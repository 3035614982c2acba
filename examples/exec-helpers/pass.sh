#!/bin/sh
# A helper for Keyfall's provider `exec` over pass (https://www.passwordstore.org): pass.sh [SUBFOLDER]
#
# Needs HOME, and from the options of the provider `inherit: ['GNUPGHOME', 'PASSWORD_STORE_DIR']` where they are set.
. "$(dirname "$0")/protocol.sh"
subfolder=${1:+"$1/"}
store=${PASSWORD_STORE_DIR:-$HOME/.password-store}

is_there() { [ -f "$store/.gpg-id" ] && [ -d "$store/$subfolder" ]; }

names() {
  for file in "$store/$subfolder"*.gpg; do
    name=${file##*/}
    name=${name%.gpg}
    case $name in
      *[!A-Za-z0-9_.-]* | -*) ;;
      *) if [ -f "$file" ]; then printf '%s\n' "$name"; fi ;;
    esac
  done
}

holds() { [ -f "$store/$subfolder$1.gpg" ]; }

# An entry ends in a line break that is not a part of the value. gpg says in words alone that it does not have the key, and
# of a file that was cut that it is well, and empty.
get() {
  text=$(pass show -- "$subfolder$1" && printf .) || return 67
  text=${text%.}
  [ -n "$text" ] || return 65
  printf '%s' "${text%"$line_break"}"
}

put() { { cat; echo; } | pass insert --multiline --force -- "$subfolder$1" >/dev/null; }

drop() { if holds "$1"; then pass rm --force -- "$subfolder$1" >/dev/null; fi; }

serve
