-- A pool: gives jobs to workers that are ready, and gives a job again when its worker is silent.
-- Its workers, in worker.lua, say "ready" or "busy" each second, "done" or "failed" with a job's
-- number and what came of it, and "gone".
local Pool = {}
Pool.__index = Pool

local SILENT_MS, TRIES = 3000, 3

-- Gives waiting jobs to those who are ready.
local function hand_out(self)
  while self.ready[1] and self.waiting[1] do
    local worker, job = table.remove(self.ready, 1), table.remove(self.waiting, 1)
    job.tries, worker.job = job.tries + 1, job
    self.stream:send_multipart { worker.id, tostring(job.number), job.text }
  end
end

local function finish(self, job, ...)
  self.count = self.count - 1
  job.done(...)
end

-- Takes a worker off the list of those who are ready; returns whether it was on it.
local function take_off(self, worker)
  for i, each in ipairs(self.ready) do
    if each == worker then return table.remove(self.ready, i) end
  end
end

-- A worker is gone, or was silent for too long: its job is the next one to be given.
local function forget(self, worker)
  local job = worker.job
  self.workers[worker.id], worker.job = nil, nil
  take_off(self, worker)
  if not job then return end
  if job.tries == TRIES then return finish(self, job, nil, "no worker lived to do it") end
  table.insert(self.waiting, 1, job)
end

local function hear(self, id, word, number, result)
  local worker = self.workers[id] or { id = id }
  local job = worker.job
  self.workers[id], worker.seen = worker, self.loop:time()
  if job and number == tostring(job.number) then
    worker.job = nil
    if word == "done" then finish(self, job, result) else finish(self, job, nil, result) end
  end
  if word == "gone" then
    forget(self, worker)
  elseif word ~= "busy" and not worker.job then
    take_off(self, worker)
    table.insert(self.ready, worker)
  end
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

--- A pool on a stream of a ROUTER. `count` is how many of its jobs are not done.
return function(stream)
  local self = setmetatable({ stream = stream, loop = stream.loop, number = 0, count = 0,
    ready = {}, waiting = {}, workers = {} }, Pool)
  stream:on_recv(function(msg) hear(self, unpack(msg)) end)
  self.timer = self.loop:call_every(1000, function()
    for _, worker in pairs(self.workers) do
      if self.loop:time() - worker.seen > SILENT_MS then forget(self, worker) end
    end
    hand_out(self)
  end):unref()
  return self
end
