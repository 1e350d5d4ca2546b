"""Starts MiniStack as the local world needs it and ends it, with every process it started, when standard input closes.

Standard input is a pipe that the local world holds open: the kernel closes it however the local world ends, SIGKILL
included. The first line of standard output is the port. What is changed in MiniStack below are private names, so the
version is pinned (requirements/local.in) and a missing name stops the start.
"""

import os
import shutil
import signal
import socket
import socketserver
import sys
import threading

# Own process group: MiniStack's Lambda workers stay in it, so that one signal ends them all, and Ctrl-C in the
# terminal reaches the local world first.
if os.getpgrp() != os.getpid():
    os.setpgid(0, 0)


def end_with_parent():
    while sys.stdin.buffer.read(4096):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


threading.Thread(target=end_with_parent, daemon=True).start()

# The socket is bound before anybody hears of the port, so that several worlds can start at the same moment.
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.bind(("127.0.0.1", 0))
port = listener.getsockname()[1]
os.environ["GATEWAY_PORT"] = str(port)
os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"


def replace(owner, name, value):
    if not hasattr(owner, name):
        sys.exit(f"launcher: {owner.__name__}.{name} is gone: this MiniStack is not the pinned version")
    setattr(owner, name, value)


from hypercorn.config import Config  # noqa: E402

create_sockets = Config._create_sockets


def use_listener(self, binds, *args, **kwargs):
    if binds == [f"127.0.0.1:{port}"]:
        binds = [f"fd://{listener.fileno()}"]
    return create_sockets(self, binds, *args, **kwargs)


replace(Config, "_create_sockets", use_listener)

# A warm call of a silent function takes 7 ms instead of 96 with these two.
replace(socketserver.StreamRequestHandler, "disable_nagle_algorithm", True)
from ministack.core import lambda_runtime  # noqa: E402

replace(lambda_runtime.Worker._drain_stderr_bounded, "__defaults__", (0.003, 0.002, 0.25))

# Real AWS puts `aws.*` events on the bus itself; here the simulator does it for ECS and ECR.
from ministack.services import eventbridge, scheduler  # noqa: E402

replace(eventbridge._put_events, "__defaults__", (True,))
replace(eventbridge, "_SCHEDULER_TICK_INTERVAL", 0.5)
replace(scheduler, "_SCHEDULE_TICK_INTERVAL", 0.5)

# Code is unpacked when it is deployed, as Lambda does it, and not while the first call waits. A file in `unpacking`
# stands for each archive that is still under way.
import pathlib  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402

from ministack.services import lambda_svc  # noqa: E402

under_way = pathlib.Path(os.environ["TMPDIR"], "unpacking")
under_way.mkdir(exist_ok=True)
unpacking = ThreadPoolExecutor(max_workers=1)
fetch_code = lambda_svc._fetch_code_from_s3


def fetch_and_unpack(*args, **kwargs):
    code = fetch_code(*args, **kwargs)
    if code:
        mark = under_way / str(id(code))
        mark.touch()
        done = unpacking.submit(lambda_svc._provided_runtime_code_dir, code)
        done.add_done_callback(lambda _: mark.unlink(missing_ok=True))
    return code


replace(lambda_svc, "_fetch_code_from_s3", fetch_and_unpack)

from ministack.app import main  # noqa: E402

print(port, flush=True)
os.dup2(2, 1)
main()
