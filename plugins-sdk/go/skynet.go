// Package skynet writes SmartopolAI plugins in Go: tools, hooks and channels.
//
// It maps plain Go types to the contract in wit/ and needs nothing but the standard library. A
// plugin calls Serve from init, since main of a library never runs. Each call has an instance
// of its own: no variable lives on. A panic ends the call; return an error instead.
package skynet

import (
	"encoding/json"
	"fmt"
)

// Annotations are what a tool claims. They inform people; they limit nothing. A tool that claims
// nothing is taken for one that changes things, each time anew, and reaches outside.
type Annotations struct {
	ReadOnly    bool // It changes nothing.
	Destructive bool // It may destroy what was there.
	Idempotent  bool // A second call changes no more than the first.
	ClosedWorld bool // It stays inside of the host.
}

// Context says who and what a call is for.
type Context struct {
	Turn, Session, User string
	// DeadlineMS is how much of the wall clock was left when the call began.
	DeadlineMS uint64
	// TimeZone is empty when the user's is not known.
	TimeZone string
}

// Tool is one ability. Parameters is the JSON Schema of an object; Call gets its JSON, which the
// host has checked against that, and gives the text for the model.
type Tool struct {
	Name, Description, Parameters string
	Annotations
	Call func(arguments json.RawMessage, context Context) (string, error)
}

// Plugin is what people see in lists, and what it does: tools, a hook or a channel, as its manifest's world says.
type Plugin struct {
	Name, Summary string
	// ConfigSchema is the JSON Schema of the settings; empty when there are none.
	ConfigSchema string
	Tools        []Tool
	Hook         Hook
	Channel      Channel
	// Configure looks at settings that an owner proposes. Nil accepts all.
	Configure func(proposed json.RawMessage) error
}

// Case is the kind of a tool's error, as the contract has them.
type Case uint32

// The cases of Error.
const (
	UnknownTool Case = iota
	InvalidArguments
	Denied
	Failed
	Unavailable
)

// Error is an error with its case. Any other error counts as Failed.
type Error struct {
	Case Case
	Text string
}

func (e *Error) Error() string { return e.Text }

// Refuse makes an Error.
func Refuse(kind Case, format string, values ...any) error {
	return &Error{kind, fmt.Sprintf(format, values...)}
}

// Arguments reads the arguments of a call into a type of the plugin's own.
func Arguments(from json.RawMessage, into any) error {
	if err := json.Unmarshal(from, into); err != nil {
		return Refuse(InvalidArguments, "%v", err)
	}
	return nil
}

var served Plugin

// Serve says which plugin this is. Call it from init.
func Serve(plugin Plugin) { served = plugin }

// call runs a tool by name.
func call(name string, arguments json.RawMessage, context Context) (string, error) {
	for _, tool := range served.Tools {
		if tool.Name == name {
			return tool.Call(arguments, context)
		}
	}
	return "", Refuse(UnknownTool, "%s", name)
}
