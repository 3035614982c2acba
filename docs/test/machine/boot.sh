#!/bin/bash
# A machine of its own for the production page: namespaces in which /etc, /var, /opt and the other folders that the page
# writes to are copies in memory, the network has no way out, and the init process is the real systemd of this machine. So
# its users, services and files are true in there, and nothing of them is left when it ends.
#
# boot.sh WORK REPOSITORY NODE NAME=PROGRAM...
# WORK is an empty folder; WORK/init will hold the process id of the init. The programs are those of /usr/local/bin. Runs as
# root until it is ended, and boots again whenever the machine is rebooted, with the same disk.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

case "${1:-}" in
--disk) # in namespaces that stay: makes the disk, and boots for ever
  work=$2 repository=$3 node=$4
  shift 4
  disk=$work/disk
  mkdir "$disk"
  mount -t tmpfs -o mode=755 tmpfs "$disk"
  mkdir -p "$disk"/{var/{lib/logrotate,log,cache,spool,tmp},opt/keyfall,clone/{upper,work},srv,home,usr-local/{bin,sbin,lib/node_modules},dev}
  mkdir -m 700 "$disk/root"
  mkdir -m 1777 "$disk/tmp"
  chmod 1777 "$disk/var/tmp"
  cp -a /etc "$disk/etc"
  rm -rf "$disk"/etc/{systemd/system,init.d,rc?.d,cron.d,resolv.conf,hosts,hostname}
  mkdir -p "$disk"/etc/systemd/{system,system.conf.d}
  # a page is typed faster than a reader would, who does not start a service five times within ten seconds
  printf '[Manager]\nDefaultStartLimitIntervalSec=0\n' > "$disk/etc/systemd/system.conf.d/typed-fast.conf"
  echo vault > "$disk/etc/hostname"
  printf '127.0.0.1 localhost vault\n' > "$disk/etc/hosts"
  # of the units of this machine only those that a service needs; nothing that would change the kernel's settings
  mkdir "$disk/units"
  for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
    sysinit.target basic.target sockets.target timers.target paths.target slices.target multi-user.target \
    network.target network-online.target local-fs.target local-fs-pre.target time-sync.target \
    shutdown.target umount.target final.target reboot.target systemd-reboot.service; do
    cp -L "/lib/systemd/system/$unit" "$disk/units/"
  done
  mkdir "$disk/units/sysinit.target.wants"
  ln -s ../systemd-journald.service "$disk/units/sysinit.target.wants/"
  for device in null zero full random urandom tty; do
    cp -a "/dev/$device" "$disk/dev/"
  done
  mkdir "$disk/dev/pts" "$disk/dev/shm"
  ln -s pts/ptmx "$disk/dev/ptmx"
  ln -s /proc/self/fd "$disk/dev/fd"
  ln -s /proc/self/fd/0 "$disk/dev/stdin"
  ln -s /proc/self/fd/1 "$disk/dev/stdout"
  ln -s /proc/self/fd/2 "$disk/dev/stderr"
  touch "$disk/usr-local/bin/node"
  for program; do touch "$disk/usr-local/bin/${program%%=*}"; done
  npm=$(dirname "$(dirname "$node")")/lib/node_modules/npm
  mkdir "$disk/usr-local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$disk/usr-local/bin/npm"
  hostname vault
  ip link set lo up
  # systemd makes its groups of processes below one of ours
  for groups in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [[ -e $groups/cgroup.procs ]] && break
  done
  group=$groups/keyfall-docs-$$
  mkdir "$group"
  ends() {
    kill -KILL "$boot" 2>/dev/null || true
    wait "$boot" 2>/dev/null || true
    until ! grep -q 'populated 1' "$group/cgroup.events"; do sleep 0.02; done
    find "$group" -depth -type d -exec rmdir {} +
    exit 0
  }
  trap ends TERM INT HUP
  while :; do
    (
      echo "$BASHPID" > "$group/cgroup.procs"
      exec unshare --mount --pid --fork --ipc --cgroup --propagation private --kill-child \
        "$0" --boot "$work" "$repository" "$node" "$npm" "$@"
    ) &
    boot=$!
    wait "$boot" || true
  done
  ;;
--boot) # in namespaces of one boot: lays the disk over this machine's folders, and becomes systemd
  work=$2 repository=$3 node=$4 npm=$5
  shift 5
  disk=$work/disk
  read -r pid _ < /proc/self/stat # /proc is still that of the caller
  read_only() { mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"; }
  # the reader's clone: what is changed in it stays in memory
  mount -t overlay -o "lowerdir=$repository,upperdir=$disk/clone/upper,workdir=$disk/clone/work" overlay "$disk/opt/keyfall"
  read_only "$node" "$disk/usr-local/bin/node"
  for program; do read_only "${program#*=}" "$disk/usr-local/bin/${program%%=*}"; done
  read_only "$npm" "$disk/usr-local/lib/node_modules/npm"
  mount -t proc proc /proc
  read_only /proc/sys /proc/sys
  mount -t sysfs -o ro sysfs /sys
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup 2>/dev/null || true
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount --bind "$disk/dev" /dev
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mount --bind "$disk/units" /lib/systemd/system
  for folder in var opt srv home root etc; do mount --rbind "$disk/$folder" "/$folder"; done
  mount --rbind "$disk/usr-local" /usr/local
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir /run/lock
  echo "$pid" > "$work/init.part"
  mv "$work/init.part" "$work/init"
  mount --bind "$disk/tmp" /tmp
  mount --make-rshared / # systemd hands files over by mounts, and in a container leaves this to its caller
  cd /
  exec env -i PATH="$PATH" container=keyfall-docs /lib/systemd/systemd --system --unit=multi-user.target \
    --log-target=console --show-status=no
  ;;
*)
  exec unshare --mount --net --uts --propagation private "$(realpath "$0")" --disk "$@"
  ;;
esac
