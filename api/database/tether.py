"""Run as a program: become a command that cannot outlive the process which asked for it.

A program of its own because code between fork and exec is unsafe where the asking process has threads.
Arguments: the asking process, the user and group to become, the lock, which is the command's alone,
and the command.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PIPE = 0


def become(asking: int, uid: int, gid: int, lock: int, command: list[str]) -> None:
    """Drop root, tie our life to the asking process, and become the command."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # Changing the user clears this, so it comes after.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
    elif os.fork() == 0:
        os.close(lock)
        watch(os.getppid())
    if os.getppid() == asking:
        os.execv(command[0], command)  # noqa: S606 - what this program is for


def watch(command: int) -> None:
    """Wait for the asking process to let go of the pipe, however it ends, and take the command down."""
    os.read(PIPE, 1)
    if os.getppid() == command:
        os.kill(command, signal.SIGQUIT)
    os._exit(0)


if __name__ == "__main__":
    asking, uid, gid, lock = map(int, sys.argv[1:5])
    become(asking, uid, gid, lock, sys.argv[5:])
