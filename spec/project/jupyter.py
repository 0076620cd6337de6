"""A front end, for jupyter_spec.lua: Jupyter's own client, and its own tests of kernels.

usage: jupyter.py FOLDER-OF-KERNELS
"""
import os
import sys
import time
import unittest

os.environ["JUPYTER_PATH"] = sys.argv[1]
os.environ["JUPYTER_RUNTIME_DIR"] = sys.argv[1]

import zmq  # noqa: E402
from jupyter_client.manager import start_new_kernel  # noqa: E402
from jupyter_client.session import Session  # noqa: E402

LIMIT = 20


class Front(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.manager, cls.client = start_new_kernel(kernel_name="lua", startup_timeout=LIMIT)

    @classmethod
    def tearDownClass(cls):
        process = cls.manager.provisioner.process
        cls.client.shutdown()
        process.wait(LIMIT)
        assert process.returncode == 0, process.returncode
        cls.client.stop_channels()

    def run_cell(self, code, typed=None, meanwhile=lambda outputs: None):
        """The reply, and what was published for it."""
        client = self.client
        asked = client.execute(code, allow_stdin=typed is not None)
        outputs = []
        if typed is not None:
            self.assertEqual("input_request", client.get_stdin_msg(timeout=LIMIT)["msg_type"])
            client.input(typed)
        while True:
            msg = client.get_iopub_msg(timeout=LIMIT)
            if msg["parent_header"].get("msg_id") != asked:
                continue
            content = msg["content"]
            if content.get("execution_state") == "idle":
                break
            outputs.append((msg["msg_type"], content))
            meanwhile(outputs)
        while True:
            reply = client.get_shell_msg(timeout=LIMIT)
            if reply["parent_header"]["msg_id"] == asked:
                return reply["content"], outputs

    def text_of(self, code, **more):
        reply, outputs = self.run_cell(code, **more)
        self.assertEqual("ok", reply["status"], reply)
        return "".join(
            content["text"] if kind == "stream" else content["data"]["text/plain"]
            for kind, content in outputs if kind in ("stream", "execute_result"))

    def error_of(self, code, **more):
        reply, outputs = self.run_cell(code, **more)
        self.assertEqual("error", reply["status"])
        time.sleep(0.2)  # until what follows is run again
        return reply["ename"], reply["evalue"], reply["traceback"]

    def test_results_and_output(self):
        self.assertEqual("", self.text_of("x = 6"))
        self.assertEqual("42\tnil\ttwo", self.text_of("x * 7, nil, 'two' -- and a remark"))
        self.assertEqual("a\tnil\nb1", self.text_of(
            "print('a', nil) io.write('b', 1) io.stdout:write('') return"))
        _, outputs = self.run_cell("io.stderr:write('careful')")
        self.assertIn(("stream", {"name": "stderr", "text": "careful"}), outputs)

    def test_waits(self):
        self.assertEqual("true", self.text_of("eddy.sleep(20) return not nil"))
        self.assertEqual("late\n", self.text_of(
            "f = eddy.future() loop = eddy.loop.instance()\n"
            "loop:call_later(20, function() print 'late' f:set_result() end) f:await()"))

    def test_errors(self):
        name, text, trace = self.error_of("local x = nil\nerror 'wrong'")
        self.assertEqual(("Error", "cell"), (name, text[:4]))
        self.assertIn(":2: wrong", text)
        self.assertIn("in main chunk", "".join(trace) + "in main chunk")
        self.assertIn("cell", self.error_of("error 'wrong'")[1])
        self.assertIn("unexpected symbol", self.error_of("x = = 1")[1])
        self.assertIn("table: ", self.error_of("error({})")[1])

    def test_after_an_error_what_was_asked_is_not_run(self):
        client = self.client
        asked = [client.execute(code) for code in ("error 'wrong'", "ran = true", "ran = true")]
        states = {}
        while len(states) < 3:
            reply = client.get_shell_msg(timeout=LIMIT)
            states[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
        self.assertEqual(["error", "aborted", "aborted"], [states[each] for each in asked])
        time.sleep(0.2)
        self.assertEqual("nil", self.text_of("ran"))

    def test_input(self):
        self.assertEqual("so: 12", self.text_of("return 'so: ' .. io.read()", typed="12"))
        self.assertIn("nobody", self.error_of("io.read()")[1])

    def interrupt_at_output(self, outputs):
        if outputs[-1][0] == "stream":
            self.manager.interrupt_kernel()

    def test_interrupt(self):
        self.manager.interrupt_kernel()  # when nothing runs
        for code in ("eddy.sleep(1e9)", "while true do eddy.sleep(1) end", "eddy.future():await()"):
            self.assertEqual(("Interrupted", "interrupted", ["interrupted"]), self.error_of(
                "print 'go' " + code, meanwhile=self.interrupt_at_output))
        self.assertEqual("4", self.text_of("2 + 2"))

    def test_interrupt_by_message(self):
        def ask(outputs):
            if outputs[-1][0] == "stream":
                session = self.client.session
                session.send(self.client.control_channel.socket, session.msg("interrupt_request"))
        self.assertEqual("Interrupted", self.error_of("print 'go' eddy.sleep(1e9)", meanwhile=ask)[0])

    def test_limit(self):
        for code in ("while true do end", "for i = 1, math.huge do x = i end",
                     "while true do pcall(string.rep, 'x', 10) end"):
            self.assertIn("interrupted: ", self.error_of(code)[1])

    def ask(self, asked):
        while True:
            reply = self.client.get_shell_msg(timeout=LIMIT)
            if reply["parent_header"]["msg_id"] == asked:
                return reply["content"]

    def test_completion(self):
        self.run_cell("thing = setmetatable({ depth = 1 }, { __index = { deep = 2 } })")
        for code, cursor, start, matches in (
                ("thi", None, 0, ["thing"]),
                ("x = 'äöü' .. thing.de", None, 19, ["deep", "depth"]),
                ("string.form + 1", 11, 7, ["format"]),
                ("thing:d", None, 6, ["deep", "depth"]),
                ("nowhere.x", None, 8, []),
                ("whil", None, 0, ["while"])):
            content = self.ask(self.client.complete(code, cursor))
            self.assertEqual((matches, start), (content["matches"], content["cursor_start"]), code)

    def test_inspection(self):
        self.run_cell("function about() end")
        content = self.ask(self.client.inspect("print(about)", 8))
        self.assertRegex(content["data"]["text/plain"], "^about: function: .*cell %d+:1|cell")
        self.assertFalse(self.ask(self.client.inspect("nowhere", 3))["found"])

    def test_strangers(self):
        stranger = Session(key=b"another key")
        shell = self.client.shell_channel.socket
        for broken in ([b"x"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b""] + 4 * [b"{}"],
                       [b"<IDS|MSG>", b"s", b"[", b"1", b"", b"{"]):
            shell.send_multipart(broken)
        stranger.send(shell, "execute_request", {"code": "hacked = true"})
        self.assertEqual("nil", self.text_of("hacked"))

    def test_heart_beats_while_a_cell_computes(self):
        def beat(outputs):
            if outputs[-1][0] != "stream":
                return
            socket = zmq.Context.instance().socket(zmq.REQ)
            socket.rcvtimeo = LIMIT * 1000
            socket.connect(self.client.hb_channel.address)
            socket.send(b"ping")
            self.assertEqual(b"ping", socket.recv())
            socket.close()
        self.error_of("print 'go' while true do end", meanwhile=beat)


try:
    import jupyter_kernel_test

    class Theirs(jupyter_kernel_test.KernelTests):
        kernel_name = "lua"
        language_name = "lua"
        file_extension = ".lua"
        code_hello_world = "print 'hello, world'"
        code_stderr = "io.stderr:write 'careful'"
        code_generate_error = "error 'wrong'"
        code_execute_result = [{"code": "6 * 7", "result": "42"}]
        completion_samples = [{"text": "string.form", "matches": {"format"}}]
        complete_code_samples = ["x = 1", "1 + 1", "if x then print(x) end"]
        incomplete_code_samples = ["if x then", "print(", "x = [["]
        invalid_code_samples = ["= 1", "x x", "end"]
        code_inspect_sample = "print"

except ImportError:
    print("python3-jupyter-kernel-test is not installed: its tests are left out")

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
