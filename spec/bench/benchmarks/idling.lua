local p = require "harness.programs"

return {
  contestants = { { name = "eddy", p.eddy "idling" } },
  rows = {
    { title = "a second in which nothing happens", metric = "wakeups", unit = "wake-ups",
      aims = { { at_most = 0 } } },
  },
}
