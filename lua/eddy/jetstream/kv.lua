-- Buckets of keys and values: streams of JetStream's, in which each key is a subject.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local api = require "eddy.jetstream.api"
local links = require "eddy.jetstream.link"
local setup = require "eddy.jetstream.setup"
local watching = require "eddy.jetstream.watch"
local futures = require "eddy.tasks.future"

local numbers = errors.numbers

local ASK_MS = 5000
local NOTHING_FOUND = 10037 -- JetStream's code
local MOST_HISTORY = 64

--- A bucket. Its methods return futures.
---@class eddy.jetstream.Bucket
---@field name string
local Bucket = { _kind = "bucket" }
Bucket.__index = Bucket

local CREATE = { history = true, replicas = true, storage = true, ttl = true, max_bytes = true,
  max_value_size = true }

local digits = {}
do
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for i = 1, #letters do digits[letters:byte(i)] = i - 1 end
end

-- The bytes of base64, as JetStream writes them in JSON; nil of what is none.
local function decode(text)
  if type(text) ~= "string" or #text % 4 ~= 0 or not text:find "^[%w+/]*=?=?$" then return nil end
  local bytes = {}
  for place = 1, #text, 4 do
    local a, b, c2, d = text:byte(place, place + 3)
    local bits = digits[a] * 2 ^ 18 + digits[b] * 2 ^ 12 + (digits[c2] or 0) * 2 ^ 6 +
      (digits[d] or 0)
    local three = string.char(math.floor(bits / 2 ^ 16), math.floor(bits / 2 ^ 8) % 256, bits % 256)
    bytes[#bytes + 1] = three:sub(1, not digits[c2] and 1 or not digits[d] and 2 or 3)
  end
  return table.concat(bytes)
end

local function check_key(key, what)
  if type(key) ~= "string" or not key:find "^[%w%-/_=.]+$" or
      ("." .. key .. "."):find("..", 1, true) then
    errors.misuse(("%s: expected a key of letters, digits and -/_=. , got %s"):format(what,
      errors.typed(key)))
  end
end

local function future_of(self, what, key)
  local link = self._link
  local has_ended = link:_has_ended()
  if not has_ended then link:_check_open(what) end
  local future = futures.new(link.loop)
  future._name = ("%s %s of bucket %s"):format(what, key, self.name)
  if has_ended then future:cancel() end
  return future
end

local function fail(future, err)
  if not future:done() then future:set_error(err) end
end

local function finish(future, ...)
  if not future:done() then future:set_result(...) end
end

-- Asks for the last value of a key: fn(entry, err), with nil and nil where there never was one.
local function last(self, key, fn)
  if self._link:_has_ended() then return end
  api.ask(self._link, "STREAM.MSG.GET." .. self._stream, { last_by_subj = self._prefix .. key },
    ASK_MS, function(answer, err)
      if err and err.err_code == NOTHING_FOUND then return fn() end
      if err then return fn(nil, err) end
      local message = answer.message
      local value = type(message) == "table" and decode(message.data or "")
      if not value then
        return fn(nil, api.strange("no message", ("%s of bucket %s"):format(key, self.name)))
      end
      local headers = decode(message.hdrs or "") or ""
      fn { key = key, revision = message.seq, value = value,
        operation = headers:match "KV%-Operation: *(%u+)" or "PUT" }
    end)
end

--- The value of a key.
-- @return a future of the value and its revision; of nil when there is none
---@param key string
---@return eddy.Future<string?>
function Bucket:get(key)
  check_key(key, "get")
  local future = future_of(self, "get", key)
  last(self, key, function(entry, err)
    if err then return fail(future, err) end
    if not entry or entry.operation ~= "PUT" then return finish(future, nil) end
    finish(future, entry.value, entry.revision)
  end)
  return future
end

-- Stores what a key has from now on; with a revision, only if its last one is that. fn(revision,
-- err).
local function store(self, key, value, headers, revision, fn)
  if self._link:_has_ended() then return end
  local what = ("%s of bucket %s"):format(key, self.name)
  if revision then headers["Nats-Expected-Last-Subject-Sequence"] = ("%.0f"):format(revision) end
  self._link:_ask(self._prefix .. key, api.flatten(headers, "put"), value, ASK_MS, what,
    function(event, err)
      if err then return fn(nil, err) end
      if event.status == 503 then
        return fn(nil, errors.new(numbers.ENOENT, "no bucket " .. self.name))
      end
      local answer, problem = api.answer_of(event, what)
      fn(answer and answer.seq, problem)
    end)
end

local function check_value(value, what)
  if type(value) ~= "string" then
    errors.misuse(("%s: expected a string, got %s"):format(what, errors.typed(value)))
  end
end

local function put(self, what, key, value, headers, revision)
  local future = future_of(self, what, key)
  store(self, key, value, headers, revision, function(stored, err)
    if err then return fail(future, err) end
    finish(future, stored)
  end)
  return future
end

--- Gives a key a value. Returns a future of its revision.
---@param key string
---@param value string
---@return eddy.Future<integer>
function Bucket:put(key, value)
  check_key(key, "put")
  check_value(value, "put")
  return put(self, "put", key, value, {})
end

--- Gives a key a value if its revision is still this one: else the future fails with EEXIST.
---@param key string
---@param value string
---@param revision integer
---@return eddy.Future<integer>
function Bucket:update(key, value, revision)
  check_key(key, "update")
  check_value(value, "update")
  if type(revision) ~= "number" or revision < 0 or revision % 1 ~= 0 then
    errors.misuse("update: expected a revision, got " .. errors.typed(revision))
  end
  return put(self, "update", key, value, {}, revision)
end

--- Gives a key a value if it has none: else the future fails with EEXIST.
---@param key string
---@param value string
---@return eddy.Future<integer>
function Bucket:create(key, value)
  check_key(key, "create")
  check_value(value, "create")
  local future = future_of(self, "create", key)
  local function told(revision, err)
    if err then return fail(future, err) end
    finish(future, revision)
  end
  store(self, key, value, {}, 0, function(revision, err)
    if not err or err.code ~= numbers.EEXIST then return told(revision, err) end
    -- It has a last revision: maybe that of its deletion.
    last(self, key, function(entry, problem)
      if problem or not entry or entry.operation == "PUT" then return told(nil, problem or err) end
      store(self, key, value, {}, entry.revision, told)
    end)
  end)
  return future
end

--- Takes a key's value away. Returns a future of true.
---@param key string
---@return eddy.Future<true>
function Bucket:delete(key)
  check_key(key, "delete")
  local future = future_of(self, "delete", key)
  store(self, key, "", { ["KV-Operation"] = "DEL" }, nil, function(_, err)
    if err then return fail(future, err) end
    finish(future, true)
  end)
  return future
end

---@class eddy.jetstream.Entry
---@field key string
---@field value string
---@field revision integer
---@field operation "PUT"|"DEL"
---@field time number ms since 1970
---@field pending integer how many follow at once

--- Calls fn(entry) for the last value of each key that there is, and for each change from then on:
-- { key =, value =, revision =, operation = "PUT" or "DEL", time = ms since 1970, pending = how
-- many follow at once }. After a lost connection it goes on where it was.
---@param keys string a key, or with * for any word between dots, and > for any at the end
-- @return what ends it with `close`
---@param fn fun(entry: eddy.jetstream.Entry): ...
---@return eddy.jetstream.Watch
function Bucket:watch(keys, fn)
  api.check_subject(keys, "watch", true)
  errors.check_function(fn, "watch")
  self._link:_check_open "watch"
  return watching.new(self._link, self, keys, fn)
end

function Bucket:__tostring() return ('bucket "%s"'):format(self.name) end

local function stream_of(create)
  errors.check_fields(create, CREATE, "kv: create")
  local history = create.history or 1
  if type(history) ~= "number" or history < 1 or history > MOST_HISTORY or history % 1 ~= 0 then
    errors.misuse(("kv: history: expected a whole number from 1 to %d, got %s"):format(MOST_HISTORY,
      errors.typed(history)))
  end
  return { max_per_subject = history, replicas = create.replicas, storage = create.storage,
    max_age = create.ttl, max_bytes = create.max_bytes, max_message_size = create.max_value_size,
    discard = "new" }
end

---@class eddy.jetstream.Link
local Link = links.methods

---@class (exact) eddy.jetstream.KvOptions
---@field history? integer values that are kept of a key (1)
---@field replicas? integer
---@field storage? "file"|"memory"
---@field ttl? number ms
---@field max_bytes? integer
---@field max_value_size? integer

--- A bucket of keys and values.
-- @return a future of the bucket. Fails with ENOENT when it is missing
---@param create? eddy.jetstream.KvOptions the bucket is made with it when it is missing
---@param bucket string
---@return eddy.Future<eddy.jetstream.Bucket>
function Link:kv(bucket, create)
  self:_check_open "kv"
  api.check_name(bucket, "kv")
  local stream = create ~= nil and stream_of(create)
  local own = setmetatable({ name = bucket, _link = self, _stream = "KV_" .. bucket,
    _prefix = "$KV." .. bucket .. "." }, Bucket)
  local future = futures.new(self.loop)
  future._name = "bucket " .. bucket
  local function found(err)
    if err then return fail(future, err) end
    finish(future, own)
  end
  if stream then
    stream.subjects = own._prefix .. ">"
    setup.create_stream(self, own._stream, stream, found)
  else
    api.ask(self, "STREAM.INFO." .. own._stream, nil, ASK_MS, function(_, err) found(err) end)
  end
  return future
end

methods(Bucket, "bucket")

return Bucket
