std = "luajit"
files["spec"] = { std = "luajit+busted" }
