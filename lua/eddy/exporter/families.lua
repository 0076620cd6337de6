-- The metrics that `eddy metrics` shows of each process: names, types, what they are.
local M = {}

-- name, type, help; of gauges, how those of several processes become one: their sum, unless it
-- says otherwise.
M.rows = {
  { "eddy_build_info", "gauge", "What serves this page." },
  { "eddy_processes", "gauge", "Processes, by what they are doing." },
  { "eddy_generation", "gauge", "How often the script was loaded.", "max" },
  { "eddy_hang_seconds", "gauge", "For how long a handler has held its loop; 0: not for a second.",
    "max" },
  { "eddy_loop_turns_total", "counter", "Turns of loops." },
  { "eddy_loop_events_total", "counter", "Events that loops handled." },
  { "eddy_loop_missed_wakeups_total", "counter", "Always 0, or the core is wrong." },
  { "eddy_loop_lag_seconds", "histogram",
    "How long handlers kept a loop from looking for more: what came meanwhile waited so long." },
  { "eddy_callback_errors_total", "counter", "Errors in callbacks." },
  { "eddy_tasks", "gauge", "Coroutines of tasks and handlers that wait." },
  { "eddy_callbacks", "gauge", "Callbacks that are queued." },
  { "eddy_timers", "gauge", "Timers that are armed." },
  { "eddy_lua_memory_bytes", "gauge", "What Lua's collector counts." },
  { "eddy_stream_messages_total", "counter", "Messages of a stream, in and out." },
  { "eddy_stream_bytes_total", "counter", "Their bytes." },
  { "eddy_stream_queue_messages", "gauge", "Messages that wait to be sent." },
  { "eddy_stream_queue_bytes", "gauge", "Their bytes." },
  { "eddy_stream_dropped_total", "counter", "Messages that a full queue dropped, by its policy." },
  { "eddy_stream_refused_total", "counter", "Sends that were refused, as the queue was full." },
  { "eddy_stream_errors_total", "counter", "Errors of a stream." },
  { "eddy_stream_unanswered_total", "counter", "Requests that were not answered in time." },
  { "eddy_handler_seconds", "histogram", "For how long a message was handled." },
  { "eddy_auth_total", "counter", "Handshakes, by what was answered." },
  { "eddy_metrics_left_out", "gauge",
    "Streams, loops and metrics without room, and metrics that make no sense." },
  { "process_cpu_seconds_total", "counter", "User and system time." },
  { "process_resident_memory_bytes", "gauge", "Resident memory." },
  { "process_open_fds", "gauge", "Open descriptors." },
  { "process_max_fds", "gauge", "The most descriptors that it may have.", "min" },
  { "process_start_time_seconds", "gauge", "When it started, since 1970.", "min" },
}

local powers = {}
for i = 5, 31, 2 do powers[#powers + 1] = i end -- every other one, from 1 us to 67 s

--- Of eddy's own histograms: which buckets of the page are shown, by their last one's place.
M.shown = powers

--- Their bounds in seconds.
M.bounds = {}
for i, at in ipairs(powers) do M.bounds[i] = 2 ^ (at - 5) / 1e6 end

return M
