"""What `@tool` makes of functions, on the machine it is tested on: python3 -m unittest discover -s plugins-sdk/python"""

import dataclasses
import json
import pathlib
import sys
import typing
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import skynet_plugin as sdk
from skynet_plugin import host, http


@dataclasses.dataclass
class Place:
    city: str
    street: str = ""


class Tools(unittest.TestCase):
    def setUp(self):
        sdk.TOOLS.clear()

    def parameters(self, function):
        return sdk.schema_of(function)[0]

    def test_a_signature_becomes_a_schema(self):
        def plan(name: typing.Annotated[str, "Whom."], days: int = 1, kind: typing.Literal["a", "b"] = "a", tags: list[str] = (), who: sdk.Context = None):
            pass

        self.assertEqual(
            self.parameters(plan),
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "Whom."},
                    "days": {"type": "integer"},
                    "kind": {"enum": ["a", "b"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "additionalProperties": False,
                "required": ["name"],
            },
        )
        self.assertEqual(sdk.schema_of(plan)[1], "who")

    def test_dataclasses_are_made_of_arguments_and_given_back_as_data(self):
        @sdk.tool
        def move(to: Place, stops: list[Place], home: Place | None = None) -> Place:
            """Moves."""
            assert isinstance(to, Place) and all(isinstance(stop, Place) for stop in stops) and home.city == "C"
            return to

        given = {"to": {"city": "A"}, "stops": [{"city": "B", "street": "s"}], "home": {"city": "C"}}
        parts, structured = sdk.call("move", json.dumps(given))
        self.assertEqual((parts, structured), ([("json", '{"city": "A", "street": ""}')], '{"city": "A", "street": ""}'))

    def test_a_type_without_a_schema_is_refused_by_name(self):
        def odd(x: complex):
            pass

        with self.assertRaisesRegex(TypeError, r"odd\(x\)"):
            self.parameters(odd)

    def test_a_tool_without_words_or_with_a_taken_name_is_refused(self):
        def silent():
            pass

        with self.assertRaisesRegex(TypeError, "docstring"):
            sdk.tool(silent)
        sdk.tool(description="d")(silent)
        with self.assertRaisesRegex(TypeError, "two tools"):
            sdk.tool(description="d")(silent)

    def test_what_a_tool_raises_is_a_tool_error_with_its_kind(self):
        def raising(error):
            def work():
                raise error

            sdk.TOOLS.clear()
            sdk.tool(name="t", description="d")(work)
            try:
                sdk.call("t", "{}")
            except sdk.ToolError as caught:
                return caught.kind, str(caught)

        self.assertEqual(raising(sdk.Denied("no")), ("denied", "no"))
        self.assertEqual(raising(sdk.InvalidArguments("odd")), ("invalid-arguments", "odd"))
        self.assertEqual(raising(sdk.Unavailable("later")), ("unavailable", "later"))
        self.assertEqual(raising(KeyError("k")), ("failed", "KeyError: 'k'"))
        self.assertEqual(raising(SystemExit(3)), ("failed", "SystemExit: 3"))

        class Limited(sdk.Unavailable):
            def __init__(self, seconds, code):
                super().__init__(f"again in {seconds} s")

        class Odd(sdk.ToolError):
            kind = "odd"

            def __str__(self):
                raise ValueError

        self.assertEqual(raising(Limited(3, code=429)), ("unavailable", "again in 3 s"))
        self.assertEqual(raising(Odd()), ("failed", "Odd"))
        self.assertEqual(len(raising(ValueError("x" * 9000))[1]), sdk.ERROR_CHARS + 1)
        with self.assertRaises(sdk.UnknownTool):
            sdk.call("other", "{}")

    def test_outcomes_are_text_data_images_or_several(self):
        image = sdk.Image("image/png", b"\x01")
        self.assertEqual(sdk.outcome("a"), ([("text", "a")], None))
        self.assertEqual(sdk.outcome(None), ([("text", "done")], None))
        self.assertEqual(sdk.outcome([1]), ([("json", "[1]")], None))
        self.assertEqual(sdk.outcome(("a", image)), ([("text", "a"), ("image", image)], None))

    def test_outside_of_a_component_the_host_says_that_it_is_not_there(self):
        with self.assertRaises(sdk.Unavailable):
            host.kv.get("k")
        with self.assertRaises(sdk.Unavailable):
            http.fetch("https://example.org/")


if __name__ == "__main__":
    unittest.main()
