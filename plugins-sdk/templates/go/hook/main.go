// {{title}}: watches what passes. This one blocks tool calls that speak of a secret word.
package main

import (
	"bytes"
	"encoding/json"

	"skynet.example/skynet"
)

func before(point string, payload json.RawMessage) skynet.Verdict {
	if bytes.Contains(payload, []byte("xyzzy")) {
		return skynet.Block(point + ": nobody says that word")
	}
	return skynet.Allow()
}

func init() {
	skynet.Serve(skynet.Plugin{
		Name:    "{{title}}",
		Summary: "Blocks tool calls that hold the word xyzzy.",
		Hook: skynet.Hook{
			Points: []string{"tool.call"},
			Before: before,
			After:  func(point string, _ json.RawMessage) { skynet.Log(point) },
		},
	})
}

// main never runs: a plugin is a library.
func main() {}
