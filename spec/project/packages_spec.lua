-- The Debian packages: what they need, that they work where they are put, that they go again.
local folders = require "spec.support.folders"
local process = require "spec.support.process"

local BUILD = EDDY_HOST:match("^(.*)/[^/]+$")
local NEWER = "9.9.9" -- what an upgrade comes to
local LONG = 280 -- seconds, for all packages, or a whole Debian

local function has(program) return process.shell("command -v " .. program) == 0 end

-- Why there are no packages to look at.
local function why_not()
  local _, kind = process.shell("grep CMAKE_BUILD_TYPE " .. BUILD .. "/CMakeCache.txt")
  if not kind:find "=Release" then return "packages are made of Release builds" end
  local needed = { cpack = "cmake", ["dpkg-shlibdeps"] = "dpkg-dev", file = "file" }
  for program, package in pairs(needed) do
    if not has(program) then return "needs " .. package end
  end
end

-- Why there is no fresh Debian to put them into; or its release, and where it comes from.
local function fresh_debian()
  if not os.getenv "EDDY_MINBASE" then
    return "with EDDY_MINBASE=1 they are installed in a fresh Debian, too"
  end
  if not has "debootstrap" then return "needs debootstrap" end
  local _, user = process.shell "id -u"
  if user ~= "0\n" then return "needs root" end
  local _, release = process.shell ". /etc/os-release; echo $VERSION_CODENAME"
  release = release:match "%S+"
  local _, mirror = process.shell(([[apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Component: main' 'Codename: %s']]):format(release))
  mirror = mirror:match "%S+"
  if not mirror then return "apt knows no mirror of Debian" end
  return nil, release, mirror
end

describe("the Debian packages", function()
  local reason = why_not()
  if reason then return pending(reason) end
  local folder

  -- Runs a command in the folder, which is $F. Returns what it printed.
  local function run(command, seconds)
    local code, out, err = process.shell("set -e; F=" .. folder .. "; cd $F; " .. command, seconds)
    assert.message(out .. err).equal(0, code)
    return out
  end

  local function make(where, options)
    local command = "cpack --config %s/CPackConfig.cmake -B $F/%s %s"
    run(command:format(BUILD, where, options or ""), LONG)
  end

  setup(function()
    folder = folders.new()
    make "packages"
    run "for package in packages/*.deb; do dpkg-deb -x $package root; done"
  end)

  teardown(function() folders.remove(folder) end)

  local function field(package, name)
    return run(("dpkg-deb -f packages/%s_*.deb %s"):format(package, name)):match "^(.-)\n?$"
  end

  it("have the version of the command, and of the changelog", function()
    local version = run "root/usr/bin/eddy --version":match "^eddy (%S+)"
    for _, package in ipairs { "eddy", "libeddy0", "libeddy-dev", "lua-eddy" } do
      assert.equal(version, field(package, "Version"))
      local newest = run("zcat root/usr/share/doc/" .. package .. "/changelog.gz"):match "^[^\n]+"
      assert.matches("eddy (" .. version .. ")", newest, 1, true)
    end
  end)

  it("need what they are linked to, and one another's version", function()
    local version = field("libeddy0", "Version")
    assert.matches("libzmq5 %(", field("eddy", "Depends"))
    assert.matches("libluajit%-5%.1%-2 %(", field("eddy", "Depends"))
    assert.is_nil(field("eddy", "Depends"):find "libeddy0")
    assert.matches("lua%-argparse", field("eddy", "Recommends"))
    assert.matches("libzmq5 %(", field("libeddy0", "Depends"))
    assert.equal("libeddy0 (= " .. version .. ")", field("libeddy-dev", "Depends"))
    assert.equal("libeddy0 (= " .. version .. "), luajit", field("lua-eddy", "Depends"))
    assert.equal("all", field("lua-eddy", "Architecture"))
    assert.equal("libeddy 0 libeddy0 (>= " .. version .. ")\n",
      run "dpkg-deb -I packages/libeddy0_*.deb shlibs")
  end)

  it("work where they are unpacked", function()
    assert.matches("received: goodbye",
      run("root/usr/bin/eddy root/usr/share/doc/eddy/examples/first_steps/echo.lua"))
    local out = run([[L=$(dirname $(find root -name libeddy.so.0))
      P=root/usr/share/lua/5.1
      LD_LIBRARY_PATH=$F/$L LUA_PATH="$P/?.lua;$P/?/init.lua" \
        luajit -e 'print(require("eddy").version)']])
    assert.equal(field("lua-eddy", "Version") .. "\n", out)
  end)

  it("have nothing that lintian calls an error", function()
    if not has "lintian" then return pending "needs lintian" end
    local out = run("lintian --allow-root --fail-on none packages/*.deb")
    assert.is_nil(out:match "%f[^\n%z]E:[^\n]*")
  end)

  it("are installed in a fresh Debian, upgraded, and leave nothing behind", function()
    local problem, release, mirror = fresh_debian()
    if problem then return pending(problem) end
    local function within(command)
      return run("chroot $F/debian sh -c " .. process.quote(command))
    end
    local function files()
      return within [[find / -xdev -not -path "/proc/*" -not -path "/tmp/*" \
        -not -path "/var/lib/dpkg/*" -not -path "/var/log/*" -not -name "ld.so.cache*" | sort]]
    end
    local function works(version)
      assert.matches("^eddy", within "eddy --version")
      assert.matches("received: goodbye", within "eddy /tmp/echo.lua")
      assert.matches("^%d", within [[luajit -e 'print(require("eddy").version)']])
      assert.equal(version, within "dpkg-query -W -f '${Version}' eddy")
    end
    run(("debootstrap --variant=minbase --include=libzmq5,luajit %s $F/debian %s >$F/log || " ..
      "{ tail -5 $F/log; exit 1; }"):format(release, mirror), LONG)
    make("newer", "-D CPACK_DEBIAN_PACKAGE_VERSION=" .. NEWER)
    run [[rm packages/libeddy-jetstream* newer/libeddy-jetstream*
      cp -r packages newer root/usr/share/doc/eddy/examples/first_steps/echo.lua debian/tmp]]
    local before = files()
    within "dpkg -i /tmp/packages/*.deb"
    works(field("eddy", "Version"))
    within "dpkg -i /tmp/newer/*.deb"
    works(NEWER)
    within "dpkg --purge eddy lua-eddy libeddy-dev libeddy0"
    assert.equal(before, files())
    -- What is left runs a bundle: it needs no eddy.
    run(EDDY_HOST .. " bundle debian/tmp/echo.lua -o debian/tmp/app")
    assert.matches("received: goodbye", within "/tmp/app")
  end)
end)
