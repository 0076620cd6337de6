"""PyZMQ's side of spec/interop/pyzmq_spec.lua, which passes the messages and what to do with them.

usage: pyzmq.py ROLE TYPE bind|connect ENDPOINT BACK strings|frames MESSAGES

ROLE is ask, answer, give or take. Whoever binds prints its endpoint. BACK is where the taker of
a PUB socket's messages tells the giver that its subscription has arrived. MESSAGES is a file
with a Python list. Prints "ok" when every message came as expected.
"""
import sys
import zmq

role, kind, way, endpoint, back_endpoint, face, messages = sys.argv[1:]
with open(messages) as file:
    messages = eval(file.read())
copy = face == "strings"
WAIT = 20000  # ms, so that nothing hangs

context = zmq.Context()


def open_socket(kind):
    socket = context.socket(getattr(zmq, kind))
    socket.linger = socket.rcvtimeo = socket.sndtimeo = WAIT
    return socket


def send(message):
    socket.send_multipart(message, copy=copy)


def receive():
    parts = socket.recv_multipart(copy=copy)
    return parts, parts if copy else [part.bytes for part in parts]


def check(expected, got):
    if got != expected:
        short = [[part[:80] for part in message] for message in (expected, got)]
        sys.exit("PyZMQ expected %r, got %r" % tuple(short))


def ask():
    for message in messages:
        send(message)
        check(message, receive()[1])


def answer():
    for message in messages:
        parts, got = receive()
        # A ROUTER's begin with the peer's routing id.
        check(message, got[1:] if kind == "ROUTER" else got)
        send(parts)


def give():
    while kind == "PUB" and not back.poll(10):
        send([b"join"])
    for message in messages:
        send(message)


def take():
    told = False
    for message in messages:
        got = receive()[1]
        while kind == "SUB" and got == [b"join"]:
            if not told:
                back.send(b"go")
            told = True
            got = receive()[1]
        check(message, got)


socket = open_socket(kind)
back = open_socket("PUSH" if role == "take" else "PULL")
back.connect(back_endpoint)
if kind == "SUB":
    socket.subscribe(b"")
if kind == "DEALER":
    socket.routing_id = b"py\0\xff"
if way == "bind":
    socket.bind(endpoint)
    print(socket.get_string(zmq.LAST_ENDPOINT), flush=True)
else:
    socket.connect(endpoint)
{"ask": ask, "answer": answer, "give": give, "take": take}[role]()
context.destroy(WAIT)
print("ok")
