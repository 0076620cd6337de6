"""The time of the calling thread, and of the wall."""
import time


def start():
    return time.thread_time_ns(), time.monotonic_ns()


def tell(begun, count):
    """Prints the times that one of `count` took since `begun`."""
    cpu, wall = time.thread_time_ns() - begun[0], time.monotonic_ns() - begun[1]
    print(f"cpu_ns={cpu / count:.1f} wall_ns={wall / count:.1f}", flush=True)


def bind(socket, endpoint="tcp://127.0.0.1:*"):
    """Binds, and prints the endpoint as the first line."""
    socket.bind(endpoint)
    print(socket.last_endpoint.decode().rstrip("\0"), flush=True)
