"""What a component of Python answers, with modules in place of those that only a component has."""

import pathlib
import sys
import types
import typing
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

LOG = []


class Err(Exception):
    def __init__(self, value):
        self.value = value


class Case(typing.NamedTuple):
    name: str
    value: object = None


def case(name):
    return lambda value=None: Case(name, value)


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


class Export:
    pass


APP = types.SimpleNamespace()


def setUpModule():
    """The generated modules, for as long as this file is tested."""
    before = dict(sys.modules)
    module("componentize_py_types", Err=Err)
    names = ("Lifecycle", "Hook", "Tool")
    exports = module("wit_world.exports", **{name: Export for name in names})
    module("wit_world", exports=exports)
    errors = {f"ToolError_{name}": case(name) for name in ("UnknownTool", "InvalidArguments", "Denied", "Failed", "Unavailable")}
    exports.tool = module("wit_world.exports.tool", **errors)
    exports.lifecycle = module("wit_world.exports.lifecycle")
    exports.hook = module("wit_world.exports.hook", **{f"Verdict_{name}": case(name) for name in ("Allow", "Block", "Modify")})
    module("wit_world.imports", skynet_plugin_types=types.SimpleNamespace())
    module("app", hook=APP)
    import skynet_plugin.host

    skynet_plugin.host.log = lambda level, text: LOG.append((level, text))
    unittest.addModuleCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - set(before)])


class Hooks(unittest.TestCase):
    def setUp(self):
        from skynet_plugin.guest_hook import Hook

        LOG.clear()
        APP.__dict__.clear()
        self.hook = Hook()

    def test_what_before_gives_is_a_verdict_and_what_is_none_blocks(self):
        for given, verdict in [(None, "Allow"), (("block", "no"), "Block"), (("modify", "{}"), "Modify"), (("blok", "no"), "Block"), (7, "Block")]:
            APP.before = lambda point, payload, given=given: given
            self.assertEqual(self.hook.before("tool.call", "{}").name, verdict)

    def test_what_after_raises_is_a_line_in_the_log(self):
        def after(point, payload):
            raise KeyError("k")

        APP.after = after
        self.hook.after("tool.call", "{}")
        self.assertEqual(LOG, [("error", "after tool.call: KeyError: 'k'")])

    def test_a_hook_without_points_ends_and_says_why(self):
        with self.assertRaises(AttributeError):
            self.hook.points()
        self.assertIn("the hook's points", LOG[0][1])
        APP.points = ("tool.call",)
        self.assertEqual(self.hook.points(), ["tool.call"])


class Tools(unittest.TestCase):
    def test_an_error_of_a_kind_that_nobody_knows_is_a_failure(self):
        import skynet_plugin as sdk
        from skynet_plugin.guest_tool import Tool

        class Odd(sdk.ToolError):
            kind = "odd"

        def work():
            raise Odd("no")

        sdk.TOOLS.clear()
        sdk.tool(name="t", description="d")(work)
        context = types.SimpleNamespace(turn="", session="", user="", deadline_ms=0, time_zone=None)
        with self.assertRaises(Err) as caught:
            Tool().call("t", "{}", context)
        self.assertEqual(caught.exception.value, Case("Failed", "no"))


if __name__ == "__main__":
    unittest.main()
