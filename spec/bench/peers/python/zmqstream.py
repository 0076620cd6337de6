"""ZMQStream on Tornado's loop.

usage: zmqstream.py receive COUNT | rep COUNT | router COUNT | json COUNT | idle STREAMS COUNT |
       fan SUBSCRIBERS BURST COUNT | timers COUNT
"""
import json
import sys
import time

import zmq
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

import watch

mode, *numbers = sys.argv[1:]
numbers = [int(number) for number in numbers]
count = left = numbers[-1]
begun = None
context = zmq.Context.instance()
context.max_sockets = 65000
loop = IOLoop.current()


def one_done():
    global left
    left -= 1
    if left == 0:
        loop.stop()


def serve(kind, handle):
    global begun
    socket = context.socket(kind)
    socket.sndhwm = 0  # a ROUTER would drop what is above its limit
    watch.bind(socket)
    stream = ZMQStream(socket)

    def on_message(msg):
        global begun
        begun = begun or watch.start()
        handle(stream, msg)
        one_done()

    stream.on_recv(on_message)
    loop.start()
    stream.flush()
    watch.tell(begun, count)


def idle(streams):
    kept = []
    for i in range(streams):
        socket = context.socket(zmq.PULL)
        socket.bind(f"inproc://idle-{i}")
        kept.append(ZMQStream(socket))
        kept[-1].on_recv(lambda msg: (pusher.send(b"x"), one_done()))
    pusher = context.socket(zmq.PUSH)
    pusher.connect(f"inproc://idle-{streams - 1}")
    pusher.send(b"x")
    begun = watch.start()
    loop.start()
    watch.tell(begun, count)


numbering = 0


def serial():
    global numbering
    numbering += 1
    return numbering


def fan(subscribers, burst):
    publisher = context.socket(zmq.PUB)
    publisher.bind("inproc://fan")
    publisher = ZMQStream(publisher)
    had, kept = 0, []

    def publish():
        for _ in range(burst):
            publisher.send(b"x" * 22 + b"%010d" % serial())

    def on_message(msg):
        nonlocal had
        had += 1
        if had == subscribers * burst:
            had = 0
            one_done()
            publish()

    for _ in range(subscribers):
        socket = context.socket(zmq.SUB)
        socket.subscribe("")
        socket.connect("inproc://fan")
        kept.append(ZMQStream(socket))
        kept[-1].on_recv(on_message)
    loop.add_callback(publish)
    begun = watch.start()
    loop.start()
    watch.tell(begun, count * subscribers * burst)


def timers():
    clock = time.thread_time_ns
    before = clock()
    added = [loop.call_later(3600 + i * 7919 % 100000 / 1000, one_done) for i in range(count)]
    add = clock() - before
    before = clock()
    for timer in added:
        loop.remove_timeout(timer)
    cancel = clock() - before
    for _ in range(count):
        loop.call_later(0.001, one_done)
    time.sleep(0.005)
    before = clock()
    loop.start()
    fire = clock() - before
    print(f"add_ns={add / count:.0f} cancel_ns={cancel / count:.0f} fire_ns={fire / count:.0f}")


if mode == "receive":
    serve(zmq.PULL, lambda stream, msg: None)
elif mode in ("rep", "router"):
    serve(getattr(zmq, mode.upper()), lambda stream, msg: stream.send_multipart(msg))
elif mode == "json":
    serve(zmq.REP, lambda stream, msg: stream.send_json(json.loads(msg[0])))
elif mode == "idle":
    idle(numbers[0])
elif mode == "fan":
    fan(numbers[0], numbers[1])
elif mode == "timers":
    timers()
sys.stdout.flush()
if mode in ("idle", "fan", "timers"):
    import os
    os._exit(0)
