#!/usr/bin/python3 -I
"""Stands in for `docker compose` on a machine without an engine (see boot.sh).

The real docker-compose reads and checks the file. What it says about a service is then done with the parts that an engine
has too: a file system of its own, a network address, namespaces, the user, its capabilities, volumes, secrets, the health
check, the order. What it stands in for: the programs of an image are those of this machine, its own files are not there, of a
build only the last `COPY . .` is done, and limits of CPU and memory are only checked.
"""
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import time

STATE = "/run/containers"
VOLUMES = "/var/lib/volumes"

# Of images that are not built here: the user of a container, and the folders that belong to somebody else than root. OpenBao's
# is that of 2.6 and later (https://github.com/openbao/openbao/pull/2589).
IMAGES = {
    "openbao/openbao": {"USER": "openbao", "folders": {"/openbao/file": "openbao", "/openbao/logs": "openbao"}},
    "redis": {"USER": "root", "folders": {"/data": "redis"}},
}


def sh(*command, check=True, **more):
    return subprocess.run(command, check=check, text=True, **more)


def project(options):
    text = sh("docker-compose", *options, "--profile", "*", "config", "--format", "json", stdout=subprocess.PIPE).stdout
    services = json.loads(text)
    for name, service in services["services"].items():
        service["name"] = name
        build = service.get("build")
        service["image_defaults"] = dockerfile(build) if build else {**BARE, **IMAGES[service["image"].partition(":")[0]]}
    return services


BARE = {"USER": "root", "WORKDIR": "/", "ENTRYPOINT": [], "CMD": [], "folders": {}}


def dockerfile(build):
    """The last stage of a Dockerfile: what a container of its image starts with, and the folders that its user can write to."""
    with open(os.path.join(build["context"], build.get("dockerfile", "Dockerfile"))) as file:
        lines = re.sub(r"\\\n", " ", file.read()).splitlines()
    own = []
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            found, own = {**BARE}, []
        elif word in ("ENTRYPOINT", "CMD"):
            found[word] = json.loads(rest)
        elif word in ("USER", "WORKDIR"):
            found[word] = rest
        elif word == "RUN":
            own += [each for made in re.findall(r"install --directory --owner \S+ ([^&]+)", rest) for each in made.split()]
    return {**found, "folders": {each: found["USER"] for each in own}}


def unit(service):
    return f"container-{service['name']}"


def address(project, service):
    return f"10.77.0.{10 + sorted(project['services']).index(service['name'])}"


def command_of(service):
    defaults = service["image_defaults"]
    entrypoint = service.get("entrypoint")
    command = service.get("command") or (defaults["CMD"] if entrypoint is None else [])
    return [*(defaults["ENTRYPOINT"] if entrypoint is None else entrypoint), *command]


def user_of(service):
    return ids_of(service.get("user", service["image_defaults"]["USER"]))


def ids_of(name):
    if name.isdigit():
        return int(name), int(name)
    user = pwd.getpwnam(name)
    return user.pw_uid, user.pw_gid


def as_user(service):
    """The command that takes the user and the capabilities which the service has."""
    user, group = user_of(service)
    groups = ",".join([str(group), *service.get("group_add", [])])
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={groups}"]
    if service.get("cap_drop") == ["ALL"]:
        command += ["--bounding-set=-all", "--inh-caps=-all"]
    if "no-new-privileges:true" in service.get("security_opt", []):
        command += ["--no-new-privs"]
    return [*command, "--"]


def environment(service):
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    given = {name: value for name, value in (service.get("environment") or {}).items() if value is not None}
    return ["env", "-i", f"PATH={path}", "HOME=/tmp", *[f"{name}={value}" for name, value in given.items()]]


# --- inside the namespaces of a container -------------------------------------------------------


def enter(name):
    """Makes the file system of a container, and becomes its command."""
    with open("/proc/self/stat") as file:  # still /proc of the machine
        pid = file.read().split()[0]
    with open(f"{STATE}/{name}.json") as file:
        spec = json.load(file)
    service, root = spec["service"], f"{STATE}/root"
    os.makedirs(root, exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for folder in ("usr", "dev", "proc", "tmp", "run", "var/lib", "var/tmp", "root", "opt/keyfall"):
        os.makedirs(f"{root}/{folder}")
    os.chmod(f"{root}/tmp", 0o1777)
    for link in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{link}", f"{root}/{link}")
    sh("cp", "-a", "/etc", f"{root}/etc")
    with open(f"{root}/etc/hosts", "w") as file:
        file.write("127.0.0.1 localhost\n" + "".join(f"{ip} {host}\n" for host, ip in spec["hosts"].items()))
    sh("mount", "--rbind", "/usr", f"{root}/usr")
    sh("mount", "--rbind", "/opt/keyfall", f"{root}/opt/keyfall")  # where npm has installed the command line from
    sh("mount", "--rbind", "/dev", f"{root}/dev")
    sh("mount", "-t", "proc", "proc", f"{root}/proc")
    for source, target, read_only in spec["mounts"]:
        if os.path.isdir(source):
            os.makedirs(root + target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(root + target), exist_ok=True)
            open(root + target, "a").close()
        sh("mount", "--bind", source, root + target)
        if read_only:
            sh("mount", "-o", "remount,bind,ro", root + target)
    for target in service.get("tmpfs", []):
        os.makedirs(root + target, exist_ok=True)
        sh("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", root + target)
    workdir = service.get("working_dir", service["image_defaults"]["WORKDIR"])
    if service.get("read_only"):
        sh("mount", "-o", "remount,ro", root)
    sh("ip", "link", "set", "lo", "up")
    with open(f"{STATE}/{name}.pid", "w") as file:
        file.write(pid)
    os.chroot(root)
    os.chdir(workdir)
    command = [*as_user(service), *environment(service), *command_of(service)]
    os.execvp(command[0], command)


# --- outside ------------------------------------------------------------------------------------


def mounts_of(project, service):
    image = service["image_defaults"]
    mounts = [[build(service), image["WORKDIR"], True]] if "build" in service else []
    for volume in service.get("volumes", []):
        source = volume["source"]
        if volume["type"] == "volume":
            source = f"{VOLUMES}/{source}"
            if not os.path.isdir(source):
                # a new volume belongs to whom the folder of the image belongs to, if the image has it
                os.makedirs(source)
                os.chown(source, *ids_of(image["folders"].get(volume["target"], "root")))
        elif not os.path.exists(source):
            sys.exit(f"invalid mount: {source} does not exist")
        mounts.append([source, volume["target"], volume.get("read_only", False)])
    for secret in service.get("secrets", []):
        mounts.append([project["secrets"][secret["source"]]["file"], secret["target"], True])
    return mounts


def build(service):
    """The folder that the last `COPY . .` gives to an image: the context without what .dockerignore keeps out."""
    context, image = service["build"]["context"], f"/var/lib/images/{service['name']}"
    files = [os.path.relpath(os.path.join(folder, file), context) for folder, _, names in os.walk(context) for file in names]
    matcher = ["docker-compose", "ignored", f"{context}/.dockerignore"]
    ignored = sh(*matcher, input="\n".join(files), stdout=subprocess.PIPE).stdout.splitlines()
    shutil.rmtree(image, ignore_errors=True)
    for folder in service["image_defaults"]["folders"]:
        if folder.startswith(f"{service['image_defaults']['WORKDIR']}/"):
            os.makedirs(f"{image}/{os.path.relpath(folder, service['image_defaults']['WORKDIR'])}")
    for file in sorted(set(files) - set(ignored)):
        os.makedirs(os.path.dirname(f"{image}/{file}"), exist_ok=True)
        shutil.copy(f"{context}/{file}", f"{image}/{file}")
    return image


def launch(project, service):
    """The command that starts a container, after its network is there."""
    name, ip = service["name"], address(project, service)
    os.makedirs(STATE, exist_ok=True)
    hosts = {each: address(project, other) for each, other in project["services"].items()}
    spec = {"service": service, "hosts": hosts, "mounts": mounts_of(project, service)}
    with open(f"{STATE}/{name}.json", "w") as file:
        json.dump(spec, file)
    if os.path.exists(f"{STATE}/{name}.pid"):
        os.remove(f"{STATE}/{name}.pid")
    if sh("ip", "link", "show", "containers", check=False, capture_output=True).returncode != 0:
        sh("ip", "link", "add", "containers", "type", "bridge")
        sh("ip", "address", "add", "10.77.0.1/24", "dev", "containers")
        sh("ip", "link", "set", "containers", "up")
    if not os.path.exists(f"/run/netns/{name}"):
        number = ip.split(".")[-1]
        sh("ip", "netns", "add", name)
        sh("ip", "link", "add", f"c{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        sh("ip", "link", "set", f"c{number}", "master", "containers", "up")
        sh("ip", "-n", name, "address", "add", f"{ip}/24", "dev", "eth0")
        sh("ip", "-n", name, "link", "set", "eth0", "up")
    spaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private"]
    return ["ip", "netns", "exec", name, *spaces, os.path.realpath(__file__), "--enter", name]


def state_of(service):
    shown = sh("systemctl", "show", "-p", "SubState,ExecMainStatus", unit(service), stdout=subprocess.PIPE).stdout
    facts = dict(line.split("=", 1) for line in shown.splitlines())
    return facts["SubState"], int(facts.get("ExecMainStatus", 0))


def inside(service, command, **more):
    with open(f"{STATE}/{service['name']}.pid") as file:
        pid = file.read()
    spaces = ["nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--ipc", "--uts", "--root", "--wd"]
    return sh(*spaces, *as_user(service), *environment(service), *command, check=False, **more).returncode


def is_healthy(service):
    how, *command = service["healthcheck"]["test"]
    return inside(service, ["sh", "-c", *command] if how == "CMD-SHELL" else command, capture_output=True) == 0


def wait_for(service, condition):
    for _ in range(400):
        state, status = state_of(service)
        if condition == "service_completed_successfully":
            if state in ("exited", "failed", "dead"):
                if status != 0:
                    sys.exit(f'service "{service["name"]}" didn\'t complete successfully: exit {status}')
                return
        elif state != "running":
            sys.exit(f"container {service['name']} exited ({status})")
        elif condition == "service_started" or "healthcheck" not in service:
            return
        elif os.path.exists(f"{STATE}/{service['name']}.pid") and is_healthy(service):
            return
        time.sleep(0.1)
    sys.exit(f"container {service['name']} is unhealthy")


started = set()


def start(project, service):
    """Starts a container, and before it those that it depends on. One that has ended is started again, once a call."""
    if service["name"] in started or state_of(service)[0] == "running":
        return
    started.add(service["name"])
    sh("systemctl", "stop", unit(service), check=False, capture_output=True)
    sh("systemctl", "reset-failed", unit(service), check=False, capture_output=True)
    start_dependencies(project, service)
    command = launch(project, service)
    options = ["--property", "RemainAfterExit=yes"] if service.get("restart") is None else ["--property", "Restart=always"]
    sh("systemd-run", "--quiet", "--unit", unit(service), *options, *command)
    # `docker start` too returns when the container has its process
    for _ in range(400):
        if os.path.exists(f"{STATE}/{service['name']}.pid") or state_of(service)[0] != "running":
            break
        time.sleep(0.05)
    for port in service.get("ports", []):
        own = f"port-{port['published']}"
        if state_of({"name": own})[0] == "running":
            continue
        listen = f"{port['host_ip']}:{port['published']}"
        to = f"{address(project, service)}:{port['target']}"
        proxy = ["systemd-socket-activate", "-l", listen, "/lib/systemd/systemd-socket-proxyd", to]
        sh("systemd-run", "--quiet", "--unit", f"container-{own}", *proxy)


def start_dependencies(project, service):
    for name, how in service.get("depends_on", {}).items():
        start(project, project["services"][name])
        wait_for(project["services"][name], how["condition"])


def main():
    _, compose, *rest = sys.argv
    if compose != "compose":
        sys.exit(f"stands in for docker compose, and not for docker {compose}")
    options, profiles = [], []
    while rest[0].startswith("-"):
        option, value, *rest = rest
        (profiles if option == "--profile" else options).extend([value] if option == "--profile" else [option, value])
    verb, *rest = rest
    flags = [word for word in rest if word.startswith("-")] if verb != "exec" else []
    words = [word for word in rest if word not in flags]
    one = project(options)
    services = one["services"]
    enabled = [each for each in services.values() if set(each.get("profiles", profiles)) <= set(profiles)]
    if verb == "up":
        chosen = [services[word] for word in words] or enabled
        for service in chosen:
            start(one, service)
        if "--wait" in flags:
            needed = {
                name: how["condition"] for each in enabled for name, how in each.get("depends_on", {}).items()
            }
            for service in chosen:
                wait_for(service, needed.get(service["name"], "service_healthy"))
    elif verb == "run":
        service = services[words[0]]
        start_dependencies(one, service)
        sys.exit(sh(*launch(one, service), check=False).returncode)
    elif verb == "exec":
        sys.exit(inside(services[words[0]], words[1:]))
    elif verb == "stop":
        for name in words or [each["name"] for each in enabled]:
            sh("systemctl", "stop", unit(services[name]), check=False)
    elif verb == "start":
        for name in words or [each["name"] for each in enabled]:
            start(one, services[name])
    elif verb == "logs":
        sh("journalctl", "--quiet", "--output", "cat", *[f"--unit={unit(services[word])}" for word in words])
    elif verb != "config":
        sys.exit(f"does not stand in for docker compose {shlex.join([verb, *rest])}")


if sys.argv[1:2] == ["--enter"]:
    enter(sys.argv[2])
else:
    main()
