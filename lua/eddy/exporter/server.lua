-- The HTTP server of `eddy metrics`: lua-http, on eddy's loop.
local embed = require "eddy.cqueues"

local M = {}

local READ_SECONDS, WRITE_SECONDS, IDLE_SECONDS = 5, 5, 10
local MOST_CONNECTIONS = 128

-- lua-http 0.4 would go round for ever over a peer that leaves in the middle of a body, and raise
-- over one whose body has less than no bytes.
local function guard(methods)
  local read_next_chunk = methods.read_next_chunk
  local EPIPE = require("cqueues.errno").EPIPE
  function methods:read_next_chunk(...)
    if self.body_read_type == "length" and self.body_read_left < 0 then
      return nil, "a length below 0", EPIPE
    end
    local chunk, err, number = read_next_chunk(self, ...)
    if chunk or err or self.body_read_type ~= "length" or self.body_read_left == 0 then
      return chunk, err, number
    end
    return nil, "the peer has left", EPIPE
  end
end

local function respond(stream, method, status, kind, body, more)
  local headers = require("http.headers").new()
  headers:append(":status", status)
  headers:append("content-type", kind)
  headers:append("content-length", tostring(#body))
  headers:append("cache-control", "no-store")
  headers:append("x-content-type-options", "nosniff")
  for name, value in pairs(more or {}) do headers:append(name, value) end
  local is_head = method == "HEAD"
  if not stream:write_headers(headers, is_head, WRITE_SECONDS) or is_head then return end
  stream:write_chunk(body, true, WRITE_SECONDS)
end

local READS = { GET = true, HEAD = true }

-- What is wrong with a request before its path counts; nil: nothing.
local function refusal(method, path)
  if not READS[method] then return "405", "GET or HEAD\n", { allow = "GET, HEAD" } end
  if not path:find "^/" then return "400", "not a path of this server\n" end
end

-- Answers one request, in a coroutine of cqueues'.
local function serve(answer, complain, stream)
  local headers, _, number = stream:get_headers(READ_SECONDS)
  if not headers then
    if number == require("cqueues.errno").E2BIG then
      respond(stream, "GET", "431", "text/plain", "too many headers\n", { connection = "close" })
    end
    return
  end
  local method, target = headers:get ":method", headers:get ":path" or ""
  local status, text, more = refusal(method, target)
  if status then return respond(stream, method, status, "text/plain", text, more) end
  local path, query = target:match "^([^?#]*)%??([^#]*)"
  local ok, code, kind, body, further = pcall(answer, path, query, headers:get "accept")
  if not ok then
    complain(tostring(code))
    return respond(stream, method, "500", "text/plain", "something is wrong here\n")
  end
  respond(stream, method, code, kind, body, further)
end

--- Whether lua-http is there.
function M.is_there() return (pcall(require, "http.server")) and (pcall(require, "cqueues")) end

--- Starts one on the current loop.
-- @param options { host, port, answer = function(path, query, accept), complain = function(text) }
-- @return the server, and the port that it has; or nil and why not
function M.start(options)
  guard(require("http.h1_stream").methods)
  local server, err = require("http.server").listen {
    host = options.host, port = options.port, tls = false, cq = embed(),
    -- One that ended a moment ago may have left connections.
    reuseaddr = true, max_concurrent = MOST_CONNECTIONS,
    connection_setup_timeout = READ_SECONDS, intra_stream_timeout = IDLE_SECONDS,
    onstream = function(_, stream) serve(options.answer, options.complain, stream) end,
    onerror = function() end, -- peers that leave early
  }
  local ok = server
  if server then ok, err = server:listen() end
  if not ok then return nil, tostring(err) end
  local _, _, port = server:localname()
  return server, port
end

return M
