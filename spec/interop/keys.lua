-- eddy's side of spec/interop/certificates_spec.lua. Its arguments are those of keys.py.
local auth = require "eddy.auth"
local zmq = require "eddy.zmq"

local WAIT = 20000 -- ms, so that nothing hangs
local roles = {}

function roles.create(folder, name, ...)
  local metadata = {}
  for _, item in ipairs { ... } do
    local key, value = item:match "^(.-)=(.*)$"
    metadata[key] = value
  end
  auth.create_certificates(folder, name, metadata)
end

function roles.load(path)
  local public, secret = auth.load_certificate(path)
  print(public .. " " .. (secret or "none"))
end

function roles.folder(path, ...)
  local found = auth.load_certificates(path)
  for _, key in ipairs { ... } do
    if found[key] then print(key) end
  end
end

function roles.serve(secret_file, allowed)
  local socket = zmq.instance():socket(zmq.REP, { linger = WAIT, rcvtimeo = WAIT,
    curve = { secret = secret_file, allow = allowed }, bind = "tcp://127.0.0.1:*" })
  print(socket.last_endpoint)
  while true do
    local frame = assert(socket:recv(0, false))
    if frame.bytes == "end" then break end
    socket:send_multipart { frame, frame["User-Id"] }
  end
end

function roles.ask(secret_file, server_file, endpoint, ...)
  local socket = zmq.instance():socket(zmq.REQ, { linger = WAIT, rcvtimeo = WAIT,
    curve = { secret = secret_file, server = server_file }, connect = endpoint })
  for _, request in ipairs { ... } do
    socket:send(request)
    if request ~= "end" then print(table.concat(assert(socket:recv_multipart()), " ")) end
  end
end

roles[arg[1]](unpack(arg, 2))
