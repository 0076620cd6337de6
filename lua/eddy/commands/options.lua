-- The options of `eddy SCRIPT`: each has its name, its value's name if it takes one ("[NAME]": only
-- after a "="), and its lines in the help, none for what people need not know. Workers have the
-- same, but those that are the supervisor's. A new one is a row here, and a function of
-- host/arguments that takes it.
return {
  {
    "-e", "CODE", { "run this code instead of a file" }, needs = "code", is_last = true,
  },
  {
    "-i", nil, {
      "type code while the loop runs, after the script if there is one;",
      "without any, on a terminal, that is what eddy does by itself",
    },
  },
  {
    "--insecure", nil, {
      "let sockets bind where strangers come in: without CURVE, where",
      "other machines or other users can connect",
    },
  },
  {
    "--drain", "MS", { "how long messages that wait may still be sent at the end (5000)" },
    needs = "a number of milliseconds",
  },
  {
    "--watchdog", "LIMITS", {
      "what becomes of a handler that runs too long: report=MS, and a",
      "traceback is logged; interrupt=MS, and it gets a Lua error;",
      "abort=MS, and the process ends; or several, with commas",
    },
    needs = "limits, such as report=100,interrupt=1000,abort=10000",
  },
  {
    "--watch", nil, { "load the script again whenever one of its files changes" },
  },
  {
    "--workers", "N", {
      "run the script in so many processes, or as many as there are",
      "`cores`: they share their tcp ports, and are started again",
      "when they fail; SIGHUP replaces them one by one",
    },
    needs = "a number of processes, or `cores`", is_supervisors = true,
  },
  {
    "--worker", "WHICH", {}, needs = "a worker", is_supervisors = true,
  },
  {
    "--control", "[MODE]", {
      "open a control socket for `eddy ctl`: =eval runs code for it and",
      "for `eddy console`, too; =PATH or =eval:PATH says where it is",
    },
  },
  {
    "--profile", "FILE", { "where the CPU time went, written at the end, for flame graphs" },
    needs = "a file",
  },
  {
    "--record", "FILE", { "what streams receive and send, to be played again" },
    needs = "a file",
  },
  {
    "--replay", "FILE", {
      "run the script on what was recorded, and compare what it sends: 0",
      "when that is the same, else 1",
    },
    needs = "a file",
  },
  {
    "--debug", nil, {
      "for debuggers: nothing is compiled, and a hook that is set holds in",
      "all coroutines",
    },
  },
  {
    "--version", nil, { "print the versions and exit" }, short = "-v",
  },
  {
    "--help", nil, { "print this and exit" }, short = "-h",
  },
}
