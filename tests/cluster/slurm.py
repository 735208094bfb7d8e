"""A private Slurm on the loopback interface: munge, slurmctld, CPU and GPU nodes as slurmds.

GPUs are stand-in devices of type a100; CPUs and memory are counted, whatever the machine has.
Everything it writes lies under one folder. Every daemon is a child of the test process, in the
foreground, and is ended by its own handle.
"""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

NODES = {"cpu1": "cpu", "cpu2": "cpu", "gpu1": "gpu", "gpu2": "gpu", "gpu3": "gpu", "gpu4": "gpu"}
GPUS_A_NODE = 2
COMMANDS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
# Debian puts the daemons where a user's PATH does not reach.
DAEMONS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
REQUIRED = ("munged", "slurmctld", "slurmd", "sbatch")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db")


def absent(*programs: str) -> list[str]:
    """The programs that are not installed."""
    return [name for name in programs if not shutil.which(name, path=DAEMONS)]


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Slurm:
    """A context manager in which a cluster of six nodes runs under `folder`.

    `accounting` adds slurmdbd on a MariaDB of its own; without it there is no sacct.
    """

    account = "project"

    def __init__(self, folder: Path, accounting: bool):
        self.folder, self.accounting = folder, accounting
        self.daemons: dict[str, subprocess.Popen] = {}
        self.host = socket.gethostname().split(".")[0]
        self.user = pwd.getpwuid(os.getuid()).pw_name
        names = ("slurmctld", "slurmdbd", "mariadbd", *NODES)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.configuration = folder / "slurm.conf"
        self.environment = os.environ | {
            "SLURM_CONF": str(self.configuration),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def __enter__(self) -> "Slurm":
        for name in ("bin", "log", "state", "spool", "devices", "munge"):
            (self.folder / name).mkdir(parents=True, mode=0o755)
        self.folder.chmod(0o755)
        try:
            self._configure()
            self._start_munge()
            if self.accounting:
                self._start_accounting()
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            self.wait("every node is idle", lambda: self._states() == {"idle"})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if "slurmctld" in self.daemons:
            with contextlib.suppress(subprocess.TimeoutExpired, TimeoutError):
                self.run("scancel", "--user", self.user, check=False, timeout=10)
                self.wait("no job is left", lambda: not self.run("squeue", "-h", check=False), 20)
        for name in reversed(list(self.daemons)):
            self.stop(name)
        for step in self._steps(lambda job: True):
            with contextlib.suppress(psutil.NoSuchProcess):
                step.kill()

    # --- daemons -------------------------------------------------------------------------------

    def start(self, name: str, *command: str) -> None:
        """Start one daemon in the foreground."""
        with (self.folder / "log" / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(command[0], path=DAEMONS), *command[1:]],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """End one daemon, politely first."""
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def start_controller(self) -> None:
        """Start slurmctld and wait until it answers."""
        self.start("slurmctld", "slurmctld", "-D")
        self.wait("slurmctld answers", lambda: "is UP" in self.run("scontrol", "ping", check=False))

    def start_node(self, node: str) -> None:
        """Start the slurmd of one node."""
        (self.folder / "spool" / node).mkdir(exist_ok=True)
        self.start(node, "slurmd", "-D", "-N", node)

    def cut_power(self, node: str) -> None:
        """Kill a node's slurmd, its steps and all they run, at once."""
        jobs = self.run("squeue", "-h", "-w", node, "-o", "%A").split()
        victims = []
        for step in self._steps(lambda job: job in jobs):
            victims += [step, *step.children(recursive=True)]
        daemon = self.daemons.pop(node)
        daemon.kill()
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        daemon.wait()
        # What a job left there would hold a job of the same number back.
        shutil.rmtree(self.folder / "spool" / node)

    def restore(self, node: str) -> None:
        """Bring a node back."""
        self.start_node(node)
        self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        self.wait("every node is idle", lambda: self._states() == {"idle"})

    def _steps(self, wanted) -> list[psutil.Process]:
        """This cluster's slurmstepds whose job is wanted."""
        found = []
        ours = f"SLURM_CONF={self.configuration}".encode()
        for process in psutil.process_iter(["cmdline"]):
            title = re.match(r"slurmstepd: \[(\d+)\.", " ".join(process.info["cmdline"] or []))
            if title and wanted(title[1]):
                # Its title was written over the start of its environment.
                with contextlib.suppress(OSError):
                    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                    found += [process] * (ours in environment.split(b"\0"))
        return found

    def _states(self) -> set[str]:
        return set(self.run("sinfo", "-h", "-N", "-o", "%T", check=False).split())

    def _start_munge(self) -> None:
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        words = [f"--{flag}={self.folder / 'munge' / name}" for flag, name in files.items()]
        log = f"--log-file={self.folder / 'munge' / 'log'}"
        # By force: a folder above the socket may be closed to others, as a test's is.
        options = ("--foreground", "--force", "--origin=127.0.0.1")
        self.start("munged", "munged", *options, *words, log)
        socket_file = self.folder / "munge" / "socket"
        self.wait("munge listens", socket_file.exists)

    def _start_accounting(self) -> None:
        folder = self.folder / "mysql"
        options = ["--no-defaults", f"--user={self.user}", f"--datadir={folder}"]
        subprocess.run(
            [shutil.which("mariadb-install-db", path=DAEMONS), *options, "--skip-test-db",
             "--auth-root-authentication-method=socket", f"--auth-root-socket-user={self.user}"],
            check=True, capture_output=True,
        )  # fmt: skip
        password = secrets.token_hex(16)
        first = self.folder / "first.sql"
        first.write_text(
            "CREATE DATABASE slurm_acct_db;\n"
            f"CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';\n"
        )
        first.chmod(0o600)
        self.start(
            "mariadbd", "mariadbd", *options, f"--socket={folder / 'socket'}",
            "--bind-address=127.0.0.1", f"--port={self.ports['mariadbd']}",
            "--skip-name-resolve", f"--init-file={first}", f"--pid-file={folder / 'pid'}",
            "--innodb-buffer-pool-size=32M", "--innodb-lock-wait-timeout=900",
        )  # fmt: skip
        self.wait("mariadbd listens", lambda: self._listens("mariadbd"), 60)
        settings = self.folder / "slurmdbd.conf"
        settings.write_text(f"""\
DbdHost={self.host}
DbdAddr=127.0.0.1
DbdPort={self.ports["slurmdbd"]}
CommunicationParameters=NoInAddrAny
SlurmUser={self.user}
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge/socket
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={self.ports["mariadbd"]}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
PidFile={self.folder}/slurmdbd.pid
""")
        settings.chmod(0o600)
        self.start("slurmdbd", "slurmdbd", "-D")
        self.wait("slurmdbd listens", lambda: self._listens("slurmdbd"), 60)
        self.run("sacctmgr", "-i", "add", "cluster", "test")
        self.run("sacctmgr", "-i", "add", "account", self.account)
        self.run("sacctmgr", "-i", "add", "user", self.user, f"account={self.account}")
        self.run(
            "sacctmgr", "-i", "modify", "user", self.user, "set", f"defaultaccount={self.account}"
        )

    def _listens(self, name: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[name])) == 0

    # --- commands ------------------------------------------------------------------------------

    def run(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        """The output of one of Slurm's commands."""
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self, folder: Path) -> list[dict[str, str]]:
        """The controller's record of every job submitted from a folder, as `scontrol` prints it."""
        lines = self.run("scontrol", "show", "job", "--oneliner").splitlines()
        records = [dict(re.findall(r"(?:^|\s)([A-Za-z:/]+)=(\S*)", line)) for line in lines]
        return [record for record in records if record.get("WorkDir") == str(folder)]

    def wait(self, what: str, condition, seconds: float = 60) -> None:
        """Wait until `condition()` holds."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = sorted((self.folder / "log").iterdir())
                tails = "\n".join(f"{log.name}: {log.read_text()[-800:]}" for log in logs)
                raise TimeoutError(f"waited {seconds} s until {what}\n{tails}")
            time.sleep(0.2)

    # --- configuration -------------------------------------------------------------------------

    def _configure(self) -> None:
        self.configuration.write_text(self._slurm_conf())
        devices = []
        for node in (name for name, kind in NODES.items() if kind == "gpu"):
            for number in range(GPUS_A_NODE):
                # Only the number at its end is used.
                (self.folder / "devices" / f"{node}_nvidia{number}").touch()
            files = f"{self.folder}/devices/{node}_nvidia[0-{GPUS_A_NODE - 1}]"
            devices.append(
                f"NodeName={node} Name=gpu Type=a100 File={files} Flags=nvidia_gpu_env\n"
            )
        (self.folder / "gres.conf").write_text("".join(devices))
        # The executor strips SLURM_CONF from the environment of its inner srun.
        for name in COMMANDS:
            wrapper = self.folder / "bin" / name
            program = shutil.which(name)
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {program} "$@"\n')
            wrapper.chmod(0o755)

    def _slurm_conf(self) -> str:
        accounting = (
            f"""\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={self.ports["slurmdbd"]}
AccountingStoragePass={self.folder}/munge/socket
AccountingStorageTRES=gres/gpu,gres/gpu:a100
AccountingStorageEnforce=associations
"""
            if self.accounting
            else "AccountingStorageType=accounting_storage/none\n"
        )
        nodes = "".join(
            f"NodeName={node} NodeHostname={self.host} NodeAddr=127.0.0.1 Port={self.ports[node]}"
            " Sockets=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=64000"
            + (f" Gres=gpu:a100:{GPUS_A_NODE}" if kind == "gpu" else "")
            + "\n"
            for node, kind in NODES.items()
        )
        return f"""\
ClusterName=test
SlurmctldHost={self.host}(127.0.0.1)
SlurmctldPort={self.ports["slurmctld"]}
SlurmUser={self.user}
SlurmdUser={self.user}
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge/socket,cred_expire=15
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# A job over its memory is noticed once a second and killed; a cgroup needs a machine of its own.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SwitchType=switch/none
PropagateResourceLimits=NONE
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldTimeout=30
SlurmdTimeout=10
InactiveLimit=0
KillWait=10
# Jobs stay on record for the whole test.
MinJobAge=7200
MessageTimeout=30
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=5,sched_interval=10
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
{accounting}{nodes}\
PartitionName=cpu Nodes=cpu[1-2] Default=YES DefMemPerCPU=1000 MaxTime=1-00:00:00 State=UP
PartitionName=gpu Nodes=gpu[1-2] DefMemPerCPU=1000 MaxTime=2-00:00:00 State=UP
PartitionName=spare Nodes=gpu3 DefMemPerCPU=1000 MaxTime=2-00:00:00 State=UP
PartitionName=spot Nodes=gpu4 DefMemPerCPU=1000 MaxTime=2-00:00:00 State=UP
PartitionName=urgent Nodes=gpu4 PriorityTier=10 PreemptMode=OFF MaxTime=1:00:00 State=UP
"""
