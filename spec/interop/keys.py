"""PyZMQ's side of spec/interop/certificates_spec.lua.

usage: keys.py create FOLDER NAME [KEY=VALUE...]
       keys.py load FILE
       keys.py folder FOLDER KEY...
       keys.py serve SECRET_FILE ALLOWED_FOLDER
       keys.py ask SECRET_FILE SERVERS_FILE ENDPOINT TEXT...

`folder` prints those of the keys that are in the folder. `serve` prints its endpoint, and answers each request with its text and the client's user id, until
one is "end", which has no answer. `ask` prints the answers.
"""
import sys
import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

WAIT = 20000  # ms, so that nothing hangs


def text(key):
    return key.decode() if key else "none"


def create(folder, name, *metadata):
    zmq.auth.create_certificates(folder, name, dict(item.split("=", 1) for item in metadata))


def load(path):
    print(" ".join(text(key) for key in zmq.auth.load_certificate(path)))


def folder(path, *keys):
    found = zmq.auth.load_certificates(path)
    print("".join(key + "\n" for key in keys if key.encode() in found), end="")


def open_socket(kind, secret_file):
    socket = zmq.Context.instance().socket(kind)
    socket.linger = socket.rcvtimeo = socket.sndtimeo = WAIT
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(secret_file)
    return socket


def serve(secret_file, allowed):
    auth = ThreadAuthenticator()
    auth.start()
    auth.configure_curve(location=allowed)
    socket = open_socket(zmq.REP, secret_file)
    socket.curve_server = True
    socket.bind("tcp://127.0.0.1:*")
    print(socket.get_string(zmq.LAST_ENDPOINT), flush=True)
    while True:
        frame = socket.recv(copy=False)
        if frame.bytes == b"end":
            break
        socket.send_multipart([frame.bytes, frame["User-Id"].encode()])
    socket.close()
    auth.stop()


def ask(secret_file, server_file, endpoint, *requests):
    socket = open_socket(zmq.REQ, secret_file)
    socket.curve_serverkey, _ = zmq.auth.load_certificate(server_file)
    socket.connect(endpoint)
    for request in requests:
        socket.send_string(request)
        if request != "end":
            print(b" ".join(socket.recv_multipart()).decode())
    socket.close()
    zmq.Context.instance().term()  # waits until "end" is sent


globals()[sys.argv[1]](*sys.argv[2:])
