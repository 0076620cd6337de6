"""A coroutine that awaits each message of zmq.asyncio's. usage: coroutine.py COUNT"""
import asyncio
import sys

import zmq
import zmq.asyncio

import watch

count = int(sys.argv[1])


async def main():
    socket = zmq.asyncio.Context.instance().socket(zmq.PULL)
    watch.bind(socket)
    begun = None
    for _ in range(count):
        await socket.recv_multipart()
        begun = begun or watch.start()
    watch.tell(begun, count)


asyncio.run(main())
