local service = require "eddy.service"

describe("what a script says to a service manager", function()
  after_each(function() service._set_manager(false) end)

  it("is what nobody hears without one", function()
    service.ready()
    service.status "text"
    service.status()
  end)

  it("is a line", function()
    local told = {}
    service._set_manager { tell = function(text) told[#told + 1] = text end }
    service.status "two\nlines"
    service.status()
    assert.same({ "two lines", "" }, told)
    assert.error_matches(function() service.status(7) end, "status: expected a text, got number")
  end)
end)
