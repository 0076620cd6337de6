-- Streams and consumers that are made because the script says so.
local errors = require "eddy.base.errors"
local api = require "eddy.jetstream.api"

local M = {}

local ASK_MS = 10000

-- What a script says, and JetStream's word for it; times are ms here, and ns there.
local of_stream = {
  subjects = "subjects", retention = "retention", replicas = "num_replicas", storage = "storage",
  max_messages = "max_msgs", max_bytes = "max_bytes", max_message_size = "max_msg_size",
  discard = "discard", max_per_subject = "max_msgs_per_subject",
}
local of_consumer = { max_ack_pending = "max_ack_pending", filter = "filter_subject",
  deliver = "deliver_policy" }
local times = { max_age = "max_age", duplicates = "duplicate_window", ack_wait = "ack_wait" }

---@class (exact) eddy.jetstream.CreateOptions
---@field subjects? string|string[]
---@field retention? "limits"|"workqueue"|"interest"
---@field replicas? integer
---@field storage? "file"|"memory"
---@field max_messages? integer
---@field max_bytes? integer
---@field max_message_size? integer
---@field max_age? number ms
---@field max_per_subject? integer
---@field discard? "old"|"new"
---@field duplicates? number ms
---@field ack_wait? number ms
---@field max_ack_pending? integer
---@field filter? string a subject
---@field deliver? "all"|"new"|"last"
local allowed = { ack_wait = true, max_age = true, duplicates = true }
for name in pairs(of_stream) do allowed[name] = true end
for name in pairs(of_consumer) do allowed[name] = true end

--- Raises unless `create` is what it is to be.
function M.check(create, what)
  errors.check_fields(create, allowed, what)
  local subjects = create.subjects
  if type(subjects) == "string" then subjects = { subjects } end
  if subjects ~= nil then
    if type(subjects) ~= "table" then
      errors.misuse(what .. ": subjects: expected a list of them, got " .. type(subjects))
    end
    for _, subject in ipairs(subjects) do
      api.check_subject(subject, what .. ": subjects", true)
    end
  end
  for name in pairs(times) do
    if create[name] ~= nil then errors.check_ms(create[name], what .. ": " .. name) end
  end
end

local function put_time(config, create, name)
  if create[name] then config[times[name]] = create[name] * 1e6 end
end

--- The settings of a stream.
function M.stream_config(name, create)
  local config = { name = name, retention = "limits", storage = "file", num_replicas = 1 }
  for ours, theirs in pairs(of_stream) do config[theirs] = create[ours] or config[theirs] end
  if type(config.subjects) == "string" then config.subjects = { config.subjects } end
  put_time(config, create, "max_age")
  put_time(config, create, "duplicates")
  return config
end

local function consumer_config(name, create)
  local config = { durable_name = name, ack_policy = "explicit", deliver_policy = "all",
    max_deliver = -1, replay_policy = "instant" }
  for ours, theirs in pairs(of_consumer) do config[theirs] = create[ours] or config[theirs] end
  put_time(config, create, "ack_wait")
  return config
end

-- Two may make it at the same time: then it is there.
local function is_there(err) return err and err.code == errors.numbers.EEXIST end

--- Makes a consumer, and before it, if that is missing, its stream. fn(answer, err).
function M.create(link, puller, is_stream_missing, fn)
  local stream, consumer, create = puller._stream, puller._consumer, puller._create
  local function add_consumer()
    api.ask(link, ("CONSUMER.DURABLE.CREATE.%s.%s"):format(stream, consumer),
      { stream_name = stream, config = consumer_config(consumer, create) }, ASK_MS, fn)
  end
  if not is_stream_missing then return add_consumer() end
  api.ask(link, "STREAM.CREATE." .. stream, M.stream_config(stream, create), ASK_MS,
    function(_, err)
      if err and not is_there(err) then return fn(nil, err) end
      add_consumer()
    end)
end

--- Makes a stream, unless it is there. fn(err).
function M.create_stream(link, name, create, fn)
  api.ask(link, "STREAM.INFO." .. name, nil, ASK_MS, function(_, err)
    if not err or err.err_code ~= api.STREAM_MISSING then return fn(err) end
    api.ask(link, "STREAM.CREATE." .. name, M.stream_config(name, create), ASK_MS,
      function(_, problem) fn(not is_there(problem) and problem or nil) end)
  end)
end

return M
