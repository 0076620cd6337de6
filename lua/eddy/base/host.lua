-- What the command `eddy` gives to modules that not every script loads: its C functions `profile`,
-- `guard_device` and `release_device`, and of threads all of them, in `threads`, with what each
-- thread is told of how the command was called, in `inherited`; and in `sources`, by the modules'
-- names, from where they were loaded. Empty elsewhere.
return {}
