"""The export that every plugin has: what it is, and whether settings are good.

Loaded only inside the component.
"""

import json

import skynet_plugin as sdk
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import lifecycle as wit


class Lifecycle(exports.Lifecycle):
    def describe(self):
        said = sdk.DESCRIPTION
        schema = json.dumps(said.config_schema) if said.config_schema is not None else None
        return wit.Description(name=said.name, summary=said.summary, config_schema=schema, extra=[])

    def configure(self, proposed):
        if sdk.DESCRIPTION.configure is None:
            return
        try:
            sdk.DESCRIPTION.configure(json.loads(proposed))
        except Exception as error:
            raise Err(sdk.said(error)) from None
