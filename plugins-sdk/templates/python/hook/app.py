"""{{title}}: watches what passes. This one blocks tool calls that speak of a secret word."""

from skynet_plugin import host, plugin

plugin("{{title}}", "Blocks tool calls that hold the word xyzzy.")


class Hook:
    points = ["tool.call"]

    def before(self, point, payload):
        """None to let it pass, ("block", why) or ("modify", new payload)."""
        if "xyzzy" in payload:
            return "block", f"{point}: nobody says that word"
        return None

    def after(self, point, payload):
        host.log("info", f"{point} happened")


hook = Hook()
