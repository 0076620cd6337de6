-- In place of eddy.host.thread, for states.c: the job says what it does.
local jobs = {}

function jobs.spins()
  local i = 0
  while true do i = i + 1 end
end

function jobs.calls()
  while true do io.stdout:flush() end
end

-- Nothing else is to be interrupted.
local function notice()
  local fn = debug.getinfo(2, "f").func
  if fn == jobs.spins or fn == jobs.calls then error "interrupted" end
end

local function main(job, host)
  host.begin_code(notice)
  if jobs[job] then pcall(jobs[job]) end
  if job == "starts" then host.thread_start("inner", "nothing") end
  host.end_code()
  return job, job == "fails"
end

return { main = main }
