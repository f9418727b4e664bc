package skynet

import "encoding/json"

// Hook watches or changes what passes. A panic in Before blocks at points that guard.
type Hook struct {
	// Points are those it wants, such as tool.call or message.received.
	Points []string
	// Before is asked before something happens; nil allows all.
	Before func(point string, payload json.RawMessage) Verdict
	// After is told when it happened; nil hears nothing.
	After func(point string, payload json.RawMessage)
}

const (
	verdictAllow uint8 = iota
	verdictBlock
	verdictModify
)

// Verdict is what a hook says before something happens: Allow, Block or Modify.
type Verdict struct {
	kind uint8
	text string
}

// Allow lets it happen.
func Allow() Verdict { return Verdict{} }

// Block stops it; the sentence goes to the person and the model.
func Block(why string) Verdict { return Verdict{verdictBlock, why} }

// Modify goes on with another payload. One that has no JSON blocks.
func Modify(payload any) Verdict {
	text, err := json.Marshal(payload)
	if err != nil {
		return Block(err.Error())
	}
	return Verdict{verdictModify, string(text)}
}

func (h Hook) before(point string, payload json.RawMessage) Verdict {
	if h.Before == nil {
		return Allow()
	}
	return h.Before(point, payload)
}
