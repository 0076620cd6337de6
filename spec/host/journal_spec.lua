-- Priorities of lines on a standard error that journald reads.
local process = require "spec.support.process"

describe("where journald reads the standard error", function()
  local SCRIPT = [[
    local eddy = require "eddy"
    local log = require "eddy.log"
    local handler = log.stderr_handler()
    handler:set_formatter "{message}"
    local logger = log.logger { handlers = { handler } }
    for _, level in ipairs { "debug", "info", "warn", "error", "critical" } do
      logger[level](logger, level)
    end
    logger:info "two\nlines"
    eddy.loop.instance():add_callback(error, "no luck", 0)]]

  -- Runs it with the standard error as journald's, or as it says.
  local function run(stream)
    local name = process.script(SCRIPT)
    local code, out, err = process.shell(
      ("f=$(mktemp); export JOURNAL_STREAM=%s; %s %s 2>$f; code=$?; cat $f; rm $f; exit $code")
        :format(stream, process.quote(EDDY_HOST), name))
    os.remove(name)
    return process.check(1, code, out, err)
  end

  it("each line has its priority", function()
    local text = run "$(stat -c %d:%i $f)"
    assert.equal("<7>debug\n<6>info\n<4>warn\n<3>error\n<2>critical\n<6>two\n<6>lines\n",
      text:match "^(.*\n)<3>eddy: callback")
    for line in text:gmatch "[^\n]+" do assert.matches("^<%d>", line) end
  end)

  it("and nowhere else", function()
    for _, stream in ipairs { "1:1", "nonsense", "''" } do
      assert.is_nil(run(stream):find "<%d>")
    end
  end)
end)
