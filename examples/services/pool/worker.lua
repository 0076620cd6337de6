-- A worker of a pool: does one job at a time, and says each second that it lives.

--- A worker on a stream of a DEALER. work(text) returns a job's result, and may wait; what it
-- raises is the job's failure.
-- @return the timer of its heart beat
return function(stream, work)
  local loop, busy = stream.loop, false

  stream:on_recv(function(msg)
    busy = true
    local ok, result = pcall(work, msg[2])
    busy = false
    stream:send_multipart { ok and "done" or "failed", msg[1], tostring(result) }
    if loop:stopping() then stream:send "gone" end
  end)

  stream:send "ready"
  loop:on_stop(function()
    if not busy then stream:send "gone" end
  end)
  return loop:call_every(1000, function() stream:send(busy and "busy" or "ready") end):unref()
end
