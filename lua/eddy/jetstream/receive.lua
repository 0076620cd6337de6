-- What a stream's consumer brings: handled in turns, and answered when that has ended.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local api = require "eddy.jetstream.api"
local jobs = require "eddy.jetstream.job"
local links = require "eddy.jetstream.link"
local turns = require "eddy.jetstream.turns"
local watchdog = require "eddy.loop.watchdog"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"

local C = c.C
local schedule = turns.schedule

local PROGRESS = 3     -- so often in the time in which an answer has to come
local MS_TO_NS = 1e6
local CONFIRM_MS = 5000

local M = { methods = {} }
local Stream = M.methods

--- Asks for more, where that is due.
local function pull(self)
  if not self._on_recv or self._is_resting or self._inside >= self._concurrency then return end
  self._puller:pull(self._last - self._first + 1, self._concurrency)
end

M.pull = pull

-- A message came.
function Stream:_job_of(event)
  local counts = self._counts
  counts.received, counts.pending = counts.received + 1, event.pending
  counts.bytes = counts.bytes + event.data_size
  if event.deliveries > 1 then counts.redelivered = counts.redelivered + 1 end
  return jobs.new(self, event)
end

function Stream:_arrived(event)
  local job = self:_job_of(event)
  if self._most and event.deliveries > self._most then
    return self:_park(job, "delivered " .. self._most .. " times, and never answered")
  end
  turns.add(self, job)
end

--- Answers for a job.
function Stream:_answer(job, text, counter)
  local counts = self._counts
  counts[counter] = counts[counter] + 1
  self._held[job] = nil
  local link = self.link
  if not link._c or link:_publish(job._reply, "", "", text, links.ANY) < 0 then
    counts.unanswered = counts.unanswered + 1
  end
end

--- Acknowledges a job, and asks the server to say that it knows: a future.
function Stream:_confirm(job)
  local counts, link = self._counts, self.link
  local future, what = futures.new(self.loop), ("double_ack of %s"):format(tostring(job))
  future._name = what
  counts.acks = counts.acks + 1
  self._held[job] = nil
  link:_ask(job._reply, "", "+ACK", CONFIRM_MS, what, function(event, err)
    if event and event.status == 503 then
      err = errors.new(errors.numbers.ENOENT, what .. ": its consumer is gone")
    end
    if err then counts.unanswered = counts.unanswered + 1 end
    if future:done() then return end
    if err then return future:set_error(err) end
    future:set_result(true)
  end)
  return future
end

--- What gives a job back, by its deliveries.
function Stream:_nak_text(job)
  local backoff = self._backoff
  return ('-NAK {"delay":%.0f}'):format(backoff[math.min(job.deliveries, #backoff)] * MS_TO_NS)
end

--- One that was not begun: somebody else may have it, at once.
function Stream:_give_back(job)
  self:_answer(job, "-NAK", "naks")
end

--- Stores a job among the dead, and ends it; without `dead` it is ended.
function Stream:_park(job, reason)
  job._settled = "term"
  local counts = self._counts
  counts.parked = counts.parked + 1
  local text = ("%s: %s is given up: %s"):format(self:_describe(), tostring(job), reason)
  if not self._dead then
    self.loop:_log(text)
    return self:_answer(job, "+TERM", "terms")
  end
  local headers = { ["Eddy-Reason"] = (reason:gsub("[%z\r\n]+", " ")):sub(1, 1000),
    ["Eddy-Subject"] = job.subject, ["Eddy-Stream"] = self._options.stream,
    ["Eddy-Consumer"] = self._options.consumer, ["Eddy-Sequence"] = ("%.0f"):format(job.sequence),
    ["Eddy-Deliveries"] = job.deliveries }
  for name, value in pairs(job.headers) do
    if not name:find "^Nats%-" then headers[name] = headers[name] or value end
  end
  self._held[job] = true -- until it is stored
  self._sender:add(self._dead, ("%s.%s.%.0f.dead"):format(self._options.stream,
    self._options.consumer, job.sequence), api.flatten(headers, "dead"), job._msg[1], false, job)
end

-- The handler has ended: with an error, or nil.
local function settle(self, job, failure, began)
  local counts, now = self._counts, C.eddy_time()
  self._puller:took(now - began)
  if self._page then C.eddy_page_note(self._page.handling, now - began) end
  counts.handled = counts.handled + 1
  self._held[job] = nil
  if failure then
    counts.raised = counts.raised + 1
    ownership.failed(self.loop)
    self.loop:_failed(failure, self)
  end
  if job._settled then return now end
  if not failure then
    job:ack()
    return now
  end
  local most = self._most or self._puller.most
  if most and job.deliveries >= most then
    self:_park(job, "its handler failed: " ..
      errors.text_of(self.loop:_failure(failure).value))
  else
    job:nak()
  end
  return now
end

function Stream:_hand_over(fn, job, began)
  self._job = job
  if watchdog.on then watchdog.beat() end
  local ok, failure = xpcall(fn, self.loop._trace, job._msg, job)
  return settle(self, job, not ok and failure, began)
end

function Stream:_handed_over()
  pull(self)
  self.link:_flush()
end

-- The handler waits, in its coroutine: its message is not to be given to others meanwhile.
function Stream:_waits()
  self._inside = self._inside + 1
  if not self._job._settled then self._held[self._job] = true end
  if self._inside < self._concurrency then schedule(self) end
  pull(self)
  self.link:_flush()
end

-- It went on and has ended.
function Stream:_went_on()
  self._inside = self._inside - 1
  schedule(self)
  pull(self)
  self.link:_flush()
  self:_check_end()
end

-- It is somebody else's.
function Stream:_return(job)
  job._settled, self._held[job] = "nak", nil
  self._puller:give_back(job)
end

-- Those that were not begun. How many.
function Stream:_return_waiting()
  local count = 0
  if self._puller then self._puller:stop() end
  for place = self._first, self._last do
    self:_return(self._waiting[place])
    self._waiting[place], count = nil, count + 1
  end
  self._first, self._last = 1, 0
  self.link:_flush()
  return count
end

--- Says of all that are here that they are worked on, as often as that has to be said.
function Stream:_say_progress(now)
  if now - self._said < self._puller.ack_wait / PROGRESS then return end
  self._said = now
  local link, counts = self.link, self._counts
  local function say(job)
    counts.progress = counts.progress + 1
    link:_publish(job._reply, "", "", "+WPI", links.ANY)
  end
  for place = self._first, self._last do say(self._waiting[place]) end
  for job in pairs(self._held) do say(job) end
end

return M
