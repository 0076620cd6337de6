-- A pool: gives jobs to workers that are ready, and gives a job again when its worker is silent.
-- A worker, a DEALER, says "ready", "alive" each second, and "done" with a job's number and result.
local Pool = {}
Pool.__index = Pool

local SILENT_MS, TRIES = 3000, 3

-- Gives waiting jobs to those who are ready.
local function hand_out(self)
  while self.ready[1] and self.waiting[1] do
    local id, job = table.remove(self.ready, 1), table.remove(self.waiting, 1)
    job.tries, self.busy[id] = job.tries + 1, job
    self.stream:send_multipart { id, tostring(job.number), job.text }
  end
end

local function finish(self, job, ...)
  self.count = self.count - 1
  job.done(...)
end

-- A worker that was silent for too long is gone.
local function forget(self, id)
  local job = self.busy[id]
  self.seen[id], self.busy[id] = nil, nil
  for i = #self.ready, 1, -1 do
    if self.ready[i] == id then table.remove(self.ready, i) end
  end
  if not job then return end
  if job.tries == TRIES then return finish(self, job, nil, "no worker lived to do it") end
  table.insert(self.waiting, 1, job)
end

local function hear(self, id, word, number, result)
  self.seen[id] = self.loop:time()
  local job = self.busy[id]
  if word == "done" and job and number == tostring(job.number) then
    self.busy[id] = nil
    finish(self, job, result)
  end
  if word == "ready" or word == "done" then self.ready[#self.ready + 1] = id end
  hand_out(self)
end

--- Calls done(result), or done(nil, reason), once a worker has done the job.
function Pool:put(text, done)
  self.number, self.count = self.number + 1, self.count + 1
  self.waiting[#self.waiting + 1] = { number = self.number, text = text, done = done, tries = 0 }
  hand_out(self)
end

--- Takes no more; what waits is not done.
function Pool:close()
  self.timer:cancel()
  self.stream:close()
end

--- A pool on a stream of a ROUTER.
return function(stream)
  local self = setmetatable({ stream = stream, loop = stream.loop, number = 0, count = 0,
    ready = {}, waiting = {}, busy = {}, seen = {} }, Pool)
  stream:on_recv(function(msg) hear(self, unpack(msg)) end)
  self.timer = self.loop:call_every(1000, function()
    for id, time in pairs(self.seen) do
      if self.loop:time() - time > SILENT_MS then forget(self, id) end
    end
    hand_out(self)
  end)
  self.timer:unref()
  return self
end
