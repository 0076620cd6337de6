"""A greenlet that receives each message with zmq.green. usage: green.py COUNT"""
import sys

import gevent
import zmq.green as zmq

import watch

count = int(sys.argv[1])


def main():
    socket = zmq.Context.instance().socket(zmq.PULL)
    watch.bind(socket)
    begun = None
    for _ in range(count):
        socket.recv_multipart()
        begun = begun or watch.start()
    watch.tell(begun, count)


gevent.spawn(main).join()
