# The protocol of Keyfall's provider `exec` for helpers in sh: they source this file, define what is below, and call `serve`.
#
#   is_there     whether the store is there at all
#   names        prints the names, one a line
#   holds NAME   whether there is this name
#   get NAME     prints its value; or returns why it cannot, by a code of the protocol (77: denied)
#   put NAME     stores the value that it reads from stdin
#   drop NAME    deletes it, if it is there
#
# Keyfall writes its lines without blanks and with their members always in this order, so patterns can read them. Names
# are letters, digits, _, - and dots here; a store that holds others answers nothing for them.
# https://github.com/keyfall/keyfall/blob/main/docs/providers/exec.md#the-protocol-of-a-helper
LC_ALL=C
export LC_ALL
umask 077
line_break='
'

serve() {
  exec 4>&1 # where values go, also from within $(…)
  IFS= read -r request || exit 64
  is_there || exit 66
  case $request in
    '{"keyfall":1,"action":"read"}')
      while IFS= read -r line; do
        name_in "$line"
        if [ -n "$name" ] && holds "$name"; then
          give "$name"
        else
          printf '%s,"missing":true}\n' "${line%\}}"
        fi
      done ;;
    '{"keyfall":1,"action":"read-all"}')
      all=$(names) || exit 69
      for name in $all; do give "$name"; done ;;
    '{"keyfall":1,"action":"list"}')
      all=$(names) || exit 69
      for name in $all; do printf '{"name":"%s"}\n' "$name"; done ;;
    '{"keyfall":1,"action":"write"}')
      changes=$(cat)
      # nothing is changed if one of them cannot be carried out
      each_change check
      each_change carry_out ;;
    *) exit 64 ;;
  esac
  printf '{"done":true}\n'
}

# Sets `name` to the name of a line, or to nothing where it is none that this store can hold.
name_in() {
  name=${1#'{"name":"'}
  name=${name%%'"'*}
  case $name in
    '' | [.-]* | *[!A-Za-z0-9_.-]*) name= ;;
  esac
}

# Prints the line of a name. Base64 needs no escapes, and an error after it counts alone.
give() {
  printf '{"name":"%s","base64":"' "$1"
  status=$({ { get "$1"; printf %s "$?" >&3; } | base64 | tr -d '\n' >&4; } 3>&1)
  case $status in
    0) printf '"}\n' ;;
    67) printf '","error":"unauthenticated"}\n' ;;
    69) printf '","error":"unavailable"}\n' ;;
    77) printf '","error":"denied"}\n' ;;
    *) printf '","error":"invalid"}\n' ;;
  esac
}

# Calls a function with each line of a write. There is no here-document, which some shells put into a file.
each_change() {
  rest=$changes
  while [ -n "$rest" ]; do
    line=${rest%%"$line_break"*}
    case $rest in
      *"$line_break"*) rest=${rest#*"$line_break"} ;;
      *) rest= ;;
    esac
    name_in "$line"
    text=${line#*'","value":'}
    "$1"
  done
}

check() {
  [ -n "$name" ] || exit 64
  # control characters that JSON has no letter for
  case $(printf '%s' "$text" | sed 's/\\\\//g') in
    *'\u'*) exit 64 ;;
  esac
}

carry_out() {
  case $text in
    'null}') drop "$name" || exit 75 ;;
    *)
      text=${text#'"'}
      text=${text%'"}'}
      # printf knows every other escape of JSON
      printf '%b' "$(printf '%s' "$text" | sed 's/\\"/"/g')" | put "$name" || exit 75 ;;
  esac
}
