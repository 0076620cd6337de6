-- The notice board behind Pushpin: what it says to a front that speaks ZHTTP, and to the real one.
local examples = require "spec.support.examples"
local ports = require "spec.support.ports"
local process = require "spec.support.process"

describe("pushpin", function()
  local tnetstring = dofile(EDDY_ROOT .. "/examples/gateways/pushpin/tnetstring.lua")

  it("shows both sides", function()
    local out = examples.run "pushpin"
    assert.matches("published:\tid: 1 data: tea is ready", out, 1, true)
    assert.matches("GET /\t200\t<!DOCTYPE html>\nPOST /notices\t200\tposted as 1\n" ..
      "GET /notices\t200\tid: 1\nGET /nowhere\t404\t", (out:gsub("published:[^\n]*\n", "")))
  end)

  it("writes and reads typed netstrings", function()
    for text, value in pairs {
      ["5:hello,"] = "hello", ["0:,"] = "", ["2:42#"] = 42, ["2:-1#"] = -1, ["3:0.5^"] = 0.5,
      ["4:true!"] = true, ["5:false!"] = false, ["0:}"] = {},
      ["8:1:1#1:a,]"] = { 1, "a" }, ["12:1:a,5:2:xy,]}"] = { a = { "xy" } },
    } do
      assert.same(value, (tnetstring.decode(text)))
      assert.equal(text, tnetstring.encode(value))
    end
    assert.same({}, (tnetstring.decode "7:1:a,0:~}"))
    assert.has_error(function() tnetstring.encode(print) end)
  end)

  it("reads what is no netstring as an error", function()
    local deep = "0:]"
    for _ = 1, 50 do deep = #deep .. ":" .. deep .. "]" end
    for _, text in ipairs { "", "5", "5:hell", "5:hello", "6:hello,", "1:x,1:y,", "-1:x,", "1:x?",
        "999999999999:x,", "4:1:a,}", "8:1:1#1:a,}", "3:1:a]", "2:1:]", deep } do
      local value, err = tnetstring.decode(text)
      assert.is_nil(value)
      assert.is_string(err)
    end
  end)

  it("answers many at a time, tells who was away, and passes over what is no request", function()
    local script = process.script(([[
      local dir = ...
      package.path = %q .. "/examples/gateways/?.lua;" .. package.path
      local zmq, tnetstring = require "eddy.zmq", require "pushpin.tnetstring"
      local context = zmq.instance()
      local front = context:socket(zmq.DEALER, { bind = "ipc://" .. dir .. "/app" })
      local published = context:socket(zmq.PULL, { bind = "ipc://" .. dir .. "/push" })
      for _, socket in ipairs { front, published } do socket.rcvtimeo = 20000 end
      local function ask(id, method, path, body, headers)
        assert(front:send_multipart { "", "T" .. tnetstring.encode { id = id, method = method,
          uri = "https://a.b:1" .. path, body = body, headers = headers } })
      end
      local function answer()
        local msg = assert(front:recv_multipart())
        assert(msg[1] == "" and msg[2]:sub(1, 1) == "T")
        return assert(tnetstring.decode(msg[2]:sub(2)))
      end
      front:send_multipart { "", "Tx" }
      front:send_multipart { "", "J{}" }
      front:send_multipart { "" }
      for i = 1, 105 do ask("p" .. i, "POST", "/notices", "n" .. i) end
      local ids = {}
      for _ = 1, 105 do
        local said = answer()
        assert(said.code == 200, said.body)
        ids[said.id] = true
      end
      for i = 1, 105 do
        assert(ids["p" .. i], i)
        local item = tnetstring.decode(assert(published:recv()))
        assert(item.channel == "notices")
        assert(item.formats["http-stream"].content == ("id: %%d\ndata: n%%d\n\n"):format(i, i))
      end
      ask("g", "GET", "/notices?x", "", { { "Last-Event-ID", "103" } })
      local said = answer()
      print(said.id, (said.body:gsub("\n+", " ")))
      for _, each in ipairs(said.headers) do print(each[1], each[2]) end
      ask("all", "GET", "/notices")
      print(select(2, answer().body:gsub("id: ", "")))
      ask("b", "POST", "/notices", "two\r\n\r\nid: 9\nlines")
      answer()
      print((tnetstring.decode(published:recv()).formats["http-stream"].content:gsub("\n", "|")))
      for _, body in ipairs { "", ("x"):rep(1001) } do
        ask("c", "POST", "/notices", body)
        print(answer().code)
      end
      ask("d", "DELETE", "/notices")
      print(answer().code)
    ]]):format(EDDY_ROOT))
    local out = examples.beside("pushpin serve ipc://$dir/app ipc://$dir/push",
      ('"$EDDY" %s $dir'):format(script))
    os.remove(script)
    assert.equal("g\tid: 104 data: n104 id: 105 data: n105 \n" ..
      "Content-Type\ttext/event-stream\nGrip-Hold\tstream\nGrip-Channel\tnotices\n" ..
      "100\nid: 106|data: two id: 9 lines||\n400\n400\n404\n", out)
  end)

  it("works behind the real Pushpin", function()
    if process.shell "command -v pushpin && command -v condure && command -v curl" ~= 0 then
      return pending("needs pushpin and curl; on Debian: apt-get install pushpin curl")
    end
    local http, control = ports.free(2)
    local out = examples.beside("pushpin serve ipc://$dir/app ipc://$dir/push", ([[
      mkdir $dir/run $dir/log
      cat >$dir/pushpin.conf <<-END
	[global]
	include=/usr/lib/pushpin/internal.conf
	rundir=$dir/run
	ipc_prefix=p-
	[runner]
	services=condure,pushpin-proxy,pushpin-handler
	http_port=127.0.0.1:%d
	logdir=$dir/log
	client_buffer_size=8192
	client_maxconn=100
	[proxy]
	routesfile=routes
	[handler]
	push_in_spec=ipc://$dir/push
	push_in_sub_specs=ipc://$dir/sub
	push_in_http_addr=127.0.0.1
	push_in_http_port=%d
	command_spec=ipc://$dir/command
	message_rate=2500
	message_hwm=25000
	END
      echo "* zhttpreq/ipc://$dir/app" >$dir/routes
      pushpin --config=$dir/pushpin.conf >$dir/pushpin.txt 2>&1 & pushpin=$!
      url=http://127.0.0.1:%d
      logged() {
        for i in $(seq 200); do grep -q "$1" $dir/pushpin.txt $dir/log/* && return; sleep 0.1; done
      }
      # Its processes find each other in their own time: until one holds a connection for another,
      # and what was published has come by.
      for i in $(seq 200); do
        curl -s -m 0.5 -o $dir/none $url/notices?first
        grep -q 'subscribe http.*first' $dir/pushpin.txt $dir/log/* && break; sleep 0.1
      done
      curl -s -m 20 -d before $url/notices; logged 'publish channel=notices'
      mkfifo $dir/events; curl -s -m 60 -N $url/notices?second >$dir/events & curl=$!
      exec 4<$dir/events
      read -r line <&4; echo "$line"; read -r line <&4; echo "$line"; read -r line <&4
      # The connection is held a little after its answer began.
      logged 'subscribe http.*second'
      curl -s -m 20 -d 'tea is ready' $url/notices
      read -r line <&4; echo "$line"; read -r line <&4; echo "$line"
      curl -s -m 20 -o /dev/null -w '%%{http_code}\n' $url/nowhere
      kill $curl $pushpin; wait $curl $pushpin 2>/dev/null; true]]):format(http, control, http))
    assert.equal("posted as 1\nid: 1\ndata: before\nposted as 2\nid: 2\ndata: tea is ready\n404\n",
      out)
  end)
end)
