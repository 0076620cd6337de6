-- What JetStream is asked, in JSON.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local json = require "eddy.zmq.json"

local ffi = c.ffi
local numbers = errors.numbers

local M = {
  STREAM_MISSING = 10059, CONSUMER_MISSING = 10014, -- JetStream's codes
  BEGIN_BYTES = #"NATS/1.0\r\n\r\n", -- of a message with headers, beside them
}

-- errno numbers of JetStream's error codes, and, below 1000, of its classes of them.
local codes = {
  [400] = numbers.EINVAL, [403] = numbers.EACCES, [404] = numbers.ENOENT, [500] = numbers.EIO,
  [503] = numbers.EAGAIN,
  [10058] = numbers.EEXIST, [10071] = numbers.EEXIST, [10148] = numbers.EEXIST,
  [10047] = numbers.ENOSPC, [10023] = numbers.ENOSPC, [10077] = numbers.ENOSPC,
  [10028] = numbers.ENOSPC, [10002] = numbers.ENOSPC, [10054] = numbers.EMSGSIZE,
}

--- The error of JetStream's own: { code =, err_code =, description = }. Its `err_code` and `status`
-- are theirs.
function M.error_of(found, what)
  if type(found) ~= "table" then found = { description = tostring(found) } end
  local code = codes[found.err_code] or codes[found.code] or numbers.EPROTO
  local err, why = errors.new(code, what), found.description
  err.err_code, err.status = found.err_code, found.code
  err.message = ("%s: %s (%s)"):format(what, type(why) == "string" and why or "no description",
    err.name)
  return err
end

--- The error of what is no answer of JetStream's.
function M.strange(text, what)
  return errors.new(numbers.EPROTO, ("%s: no answer of JetStream's: %s"):format(what,
    errors.text_of(text)))
end

--- The table of an answer that came; nil and its error, or that of what is none.
function M.answer_of(event, what)
  local text = ffi.string(event.data, event.data_size)
  local ok, answer = pcall(json.decode, text)
  if not ok or type(answer) ~= "table" then return nil, M.strange(text, what) end
  if answer.error then return nil, M.error_of(answer.error, what) end
  return answer
end

local NO_PEERS = 10005 -- as long as a cluster's servers do not know each other

--- Whether it is one that goes by: a cluster without a leader, a server that is busy.
function M.is_passing(err)
  return err.code == numbers.ETIMEDOUT or err.err_code == NO_PEERS or
    err.status == 503 and err.code ~= numbers.ENOSPC
end

--- What an event's headers have, as a table.
function M.headers(event) return M.headers_of(ffi.string(event.headers, event.header_size)) end

--- The same of their bytes.
function M.headers_of(text)
  local headers = {}
  for name, value in text:gmatch "(%Z*)%z(%Z*)%z" do headers[name] = value end
  return headers
end

--- Headers as the core takes them: names and values, each with its zero byte.
function M.flatten(headers, what)
  if headers == nil then return "" end
  if type(headers) ~= "table" then
    errors.misuse(what .. ": headers: expected a table, got " .. type(headers))
  end
  local parts = {}
  for name, value in pairs(headers) do
    local is_name = type(name) == "string" and name:find "^[%w!#$%%&'*+.^_`|~-]+$"
    if not is_name then errors.misuse(what .. ": headers: no name: " .. errors.typed(name)) end
    if type(value) ~= "string" and type(value) ~= "number" or tostring(value):find "[%z\r\n]" then
      errors.misuse(("%s: headers: %s: expected a text of one line, got %s"):format(what, name,
        errors.typed(value)))
    end
    parts[#parts + 1] = name .. "\0" .. value .. "\0"
  end
  table.sort(parts)
  return table.concat(parts)
end

--- How many bytes of a message these are: each has ": " and an end of line.
function M.encoded_size(flat)
  if flat == "" then return 0 end
  local _, zeros = flat:gsub("%z", "%0")
  return #flat + zeros
end

--- Raises unless a name can be part of a subject: of a stream, a consumer, a bucket.
function M.check_name(name, what)
  if type(name) ~= "string" or name == "" or name:find "[%s%z.*>/\\]" then
    errors.misuse(what .. ": expected a name without spaces, dots, *, > and slashes, got " ..
      errors.typed(name))
  end
  return name
end

--- Raises unless a text is a subject; with `wild`, * and > may be in it.
function M.check_subject(subject, what, wild)
  local is_one = type(subject) == "string" and subject ~= "" and not subject:find "[%s%z]" and
    not ("." .. subject .. "."):find("..", 1, true)
  if not is_one or not wild and ("." .. subject .. "."):find "%.[*>]%." then
    errors.misuse(("%s: expected a subject%s, got %s"):format(what,
      wild and "" or " without * and >", errors.typed(subject)))
  end
  return subject
end

--- For how many ms a close may wait, by its options.
function M.drain_of(options)
  if options == nil then return 0 end
  errors.check_fields(options, { drain = true }, "close")
  local ms = options.drain or 0
  errors.check_ms(ms, "close: drain")
  return ms
end

--- Asks; fn(answer, nil, event) is called with the decoded answer, or fn(nil, err).
-- @param call "STREAM.INFO.WORK"
-- @param request a table, or nil
function M.ask(link, call, request, ms, fn)
  local what = ("%s: %s"):format(link:_describe(), call)
  local text = request and json.encode(request) or ""
  link:_ask(link._prefix .. call, "", text, ms, what, function(event, err)
    if not event then return fn(nil, err) end
    if event.status == 503 then
      return fn(nil, errors.new(numbers.ENOTSUP, what .. ": no JetStream there (jetstream {} in " ..
        "nats-server's configuration begins it)"))
    end
    local answer, problem = M.answer_of(event, what)
    fn(answer, problem, answer and event)
  end)
end

return M
