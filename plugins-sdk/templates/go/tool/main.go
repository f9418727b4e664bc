// {{title}}: tools for the model. Say here what they do.
package main

import (
	"encoding/json"
	"fmt"

	"skynet.example/skynet"
)

func greet(arguments json.RawMessage, _ skynet.Context) (string, error) {
	var whom struct{ Name string }
	if err := skynet.Arguments(arguments, &whom); err != nil {
		return "", err
	}
	return fmt.Sprintf("Hello, %s.", whom.Name), nil
}

func init() {
	skynet.Serve(skynet.Plugin{
		Name:    "{{title}}",
		Summary: "Greets somebody by name.",
		Tools: []skynet.Tool{{
			Name:        "greet",
			Description: "Greets somebody by name.",
			Parameters: `{"type":"object","properties":{"name":{"type":"string","description":"Whom to greet."}},` +
				`"required":["name"],"additionalProperties":false}`,
			Annotations: skynet.Annotations{ReadOnly: true, Idempotent: true, ClosedWorld: true},
			Call:        greet,
		}},
	})
}

// main never runs: a plugin is a library.
func main() {}
