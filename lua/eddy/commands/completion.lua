-- The command `eddy completion`: what bash and zsh complete the command line with, made of the
-- tables of options, commands and verbs.
local options = require "eddy.commands.options"
local outline = require "eddy.commands.outline"
local documents = require "eddy.help.documents"

local M = {}

local OK, USAGE = 0, 2

local usage = [[
usage: eddy completion bash | zsh

Prints what the shell completes the command line with: options, commands, numbers of
processes, files. It is installed where both look for it; elsewhere:

  bash: eval "$(eddy completion bash)"
  zsh:  eddy completion zsh > FOLDER/_eddy, FOLDER being one of $fpath
]]

-- Names of shell functions are those of commands; what these complete has options of its own.
local PIDS = { ctl = true, console = true, top = true }
local FILES = { test = true, bundle = true }

-- The modules that `eddy help` has a page of.
local function modules()
  local names, seen = {}, {}
  for _, document in ipairs(documents) do
    for name in document.text:gmatch "\n#+ (eddy%.%w+)" do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  return names
end

-- The words that a command takes in place of a name.
local function words_of(command)
  local words = {}
  if command.name == "help" then
    for _, each in ipairs(outline.commands()) do words[#words + 1] = each.name end
    for _, name in ipairs(modules()) do words[#words + 1] = name end
  elseif command.name == "completion" then
    words = { "bash", "zsh" }
  end
  return words
end

-- The options of the command itself, as those of commands are.
local function own_options()
  local list = {}
  for _, row in ipairs(options) do
    if row[3][1] then
      list[#list + 1] = { names = { row[1], row.short }, text = table.concat(row[3], " "),
        value = row[2] and row[2]:gsub("^%[", "[=") }
    end
  end
  return list
end

local function has_value(option) return option.value and option.value:sub(1, 1) ~= "[" end

local function names_of(list, wanted)
  local names = {}
  for _, option in ipairs(list) do
    for _, name in ipairs((not wanted or wanted(option)) and option.names or {}) do
      names[#names + 1] = name
    end
  end
  return names
end

-- Of a table of processes, the lines of those that run; `at` is where the command stands.
local RUNNING = [[
NR == 1 { at = index($0, "COMMAND") }
    $1 ~ /^[0-9]+$/ && substr($0, 1, at) !~ / (ended|died)/]]

local function joined(list) return table.concat(list, " ") end

local BASH = [=[
# bash completion of eddy: made by `eddy completion bash`
_eddy_pids() {
  "$1" ps --interval 0 2>/dev/null | awk '@RUNNING@ { print $1 }'
}

_eddy() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options=" @VALUED@ "
  local command= verb= word words= i
  COMPREPLY=()
  if [[ $cur == "=" ]]; then cur=
  elif [[ $prev == "=" ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      if [[ $options == *" $word "* ]]; then ((i++)); fi
    elif [[ $word == "=" ]]; then ((i++))
    elif [[ -z $command ]]; then
      command=$word
      case $command in
@COMMAND_VALUED@
      *) options=" " ;;
      esac
    elif [[ -z $verb && ! $word =~ ^[0-9]+$ ]]; then verb=$word
    fi
  done
  case $prev in
    --watchdog) words="report= interrupt= abort=" ;;
    --workers) words=cores ;;
    --control) words="on eval eval:" ;;
    *)
      if [[ -n $command && ($command == */* || $command == *.*) ]]; then return; fi
      if [[ $options == *" $prev "* ]]; then return; fi
      ;;
  esac
  if [[ -z $words ]]; then
    case $command in
    "")
      if [[ $cur == -* ]]; then words="@OPTIONS@"
      else
        words="@COMMANDS@ test"
        COMPREPLY=($(compgen -f -X '!*.lua' -- "$cur") $(compgen -d -S / -- "$cur"))
      fi
      ;;
@CASES@
    esac
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
  if [[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == *[=/:] ]]; then compopt -o nospace; fi
}
complete -o default -F _eddy eddy
]=]

-- What bash completes behind a command.
local function bash_case(command)
  local lines = { "    " .. command.name .. ")" }
  local function put(line) lines[#lines + 1] = "      " .. line end
  local text = joined(names_of(command.options))
  if command.name == "ctl" then
    put("if [[ -z $verb && $cur == -* ]]; then words=\"" .. text .. "\"")
    local verbs = {}
    for i, verb in ipairs(outline.verbs()) do verbs[i] = verb.name end
    put('elif [[ -z $verb ]]; then words="' .. joined(verbs) .. ' $(_eddy_pids "$1")"')
    for _, verb in ipairs(outline.verbs()) do
      local own = joined(names_of(verb.options))
      if own ~= "" then put(('elif [[ $verb == %s ]]; then words="%s"'):format(verb.name, own)) end
    end
    put "fi"
  elseif FILES[command.name] then
    put(('if [[ $cur == -* ]]; then words="%s"; fi'):format(text))
  else
    local others = joined(words_of(command)) .. (PIDS[command.name] and '$(_eddy_pids "$1")' or "")
    put(('if [[ $cur == -* ]]; then words="%s"; else words="%s"; fi'):format(text, others))
  end
  put ";;"
  return table.concat(lines, "\n")
end

local function bash()
  local cases, valued, commands = {}, {}, {}
  for i, command in ipairs(outline.commands()) do
    commands[i], cases[i] = command.name, bash_case(command)
    valued[i] = ('      %s) options=" %s " ;;'):format(command.name,
      joined(names_of(command.options, has_value)))
  end
  local parts = { VALUED = joined(names_of(own_options(), has_value)), OPTIONS =
    joined(names_of(own_options())), COMMANDS = joined(commands),
    COMMAND_VALUED = table.concat(valued, "\n"), CASES = table.concat(cases, "\n") }
  parts.RUNNING = RUNNING
  return (BASH:gsub("@([%u_]+)@", parts))
end

-- A text inside a specification of zsh's, in single quotes: its first words.
local function zsh_text(text)
  text = text:match "^(.-)[:;] " or text
  return (text:gsub("[%[%]:\\]", "\\%0"):gsub("'", "'\\''"))
end

-- A value's name, and what it is completed with.
local function zsh_value(option)
  local value = option.value:gsub("[%[%]=]", "")
  local actions = { FILE = "_files", PATH = "_files", LIMITS = "(report= interrupt= abort=)",
    MODE = "(on eval)", N = option.names[1] == "--workers" and "(cores)" or nil }
  return (":%s:%s"):format(zsh_text(value), actions[value] or "")
end

local function zsh_options(list)
  local lines = {}
  for _, option in ipairs(list) do
    for _, name in ipairs(option.names) do
      local value = option.value and zsh_value(option) or ""
      local is_optional = option.value and not has_value(option)
      local is_joined = is_optional and option.value:find "^%[="
      lines[#lines + 1] = ("'%s[%s]%s'"):format(name .. (is_joined and "=-" or ""),
        zsh_text(option.text), is_optional and ":" .. value or value)
    end
  end
  return lines
end

local ZSH = [=[
#compdef eddy
# zsh completion of eddy: made by `eddy completion zsh`

_eddy_pids() {
  local -a found
  local listed
  listed=$($program ps --interval 0 2>/dev/null | awk '@RUNNING@ {
      print $1 ":" substr($0, at) }')
  found=(${(f)listed})
  _describe -t processes process found
}

_eddy_verbs() {
  local -a found
  found=(
@VERBS@
  )
  _describe -t verbs verb found
}

_eddy_first() {
  local -a found
  found=(
@COMMANDS@
    'test:run specs with busted'
  )
  _describe -t commands command found
  _files -g '*.lua'
}

_eddy() {
  local context state state_descr line ret=1 program=${~words[1]}
  typeset -A opt_args
  _arguments -S -C \
@OPTIONS@
    '1: :_eddy_first' '*:: :->rest' && ret=0
  [[ $state == rest ]] || return ret
  case $words[1] in
@CASES@
  *) _files && ret=0 ;;
  esac
  return ret
}

_eddy "$@"
]=]

local function zsh_list(list)
  local lines = {}
  for i, each in ipairs(list) do
    lines[i] = ("    '%s:%s'"):format(each.name, zsh_text(each.line))
  end
  return table.concat(lines, "\n")
end

local function zsh_case(command)
  local lines = zsh_options(command.options)
  local words = words_of(command)
  if command.name == "ctl" then
    lines[#lines + 1] = "'1: :{ _eddy_verbs; _eddy_pids }'"
    lines[#lines + 1] = "'2: :_eddy_verbs'"
  elseif PIDS[command.name] then
    lines[#lines + 1] = "'1: :_eddy_pids'"
  elseif words[1] then
    lines[#lines + 1] = ("'1: :(%s)'"):format(joined(words))
  elseif FILES[command.name] then
    lines[#lines + 1] = "'*: :_files'"
  end -- an action that is empty would keep zsh from inserting options
  return ("  %s) _arguments %s && ret=0 ;;"):format(command.name,
    table.concat(lines, " \\\n      "))
end

local function zsh()
  local cases, list = {}, outline.commands()
  for i, command in ipairs(list) do cases[i] = zsh_case(command) end
  local own = zsh_options(own_options())
  for i, line in ipairs(own) do own[i] = "    " .. line .. " \\" end
  local parts = { VERBS = zsh_list(outline.verbs()), COMMANDS = zsh_list(list),
    OPTIONS = table.concat(own, "\n"), CASES = table.concat(cases, "\n"), RUNNING = RUNNING }
  return (ZSH:gsub("@(%u+)@", parts))
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local shells = { bash = bash, zsh = zsh }
  if args[1] == "--help" or args[1] == "-h" then
    io.stdout:write(usage)
    return OK
  end
  local make = not args[2] and shells[args[1]]
  if not make then
    io.stderr:write "eddy: completion: of bash or zsh? (eddy completion --help tells more)\n"
    return USAGE
  end
  io.stdout:write(make())
  return OK
end

return M
