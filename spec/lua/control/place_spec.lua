local place = require "eddy.control.place"

describe("what --control says", function()
  it("is one of a few words, or a path", function()
    for text, expected in pairs {
      [""] = { allows_eval = false }, on = { allows_eval = false }, eval = { allows_eval = true },
      ["/run/x"] = { allows_eval = false, path = "/run/x" },
      ["./x"] = { allows_eval = false, path = "./x" },
      ["eval:/run/x"] = { allows_eval = true, path = "/run/x" },
    } do
      assert.message(text).same(expected, place.read(text))
    end
  end)

  it("is refused when it may be a slip", function()
    for _, text in ipairs { "evil", "eval:", "eval:x", "off", "x", "EVAL" } do
      local settings, problem = place.read(text)
      assert.message(text).is_nil(settings)
      assert.matches('^expected "on", "eval", a path', problem)
    end
  end)
end)
