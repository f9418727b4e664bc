package skynet

import "encoding/json"

// Channel speaks a chat system's language. It is pure: the host owns sockets, timers and reconnects,
// and calls Handle with what happened.
type Channel struct {
	Handle func(event Event) ([]Action, error)
}

// Blob is bytes with a media type.
type Blob struct {
	MIME string
	Data []byte
}

// Event is what happened: Started, Frame, Timer, Reply, Typing, Connected, Disconnected or Other.
type Event interface{ event() }

// Started says that the channel starts, with its state from last time, or none.
type Started struct{ State string }

// Frame is what came on a socket, poll or webhook; in a Send, what goes out.
type Frame struct {
	Source string
	Data   []byte
	IsText bool
}

// Timer is one that a SetTimer asked for.
type Timer struct{ Name string }

// Reply is an answer of the agent.
type Reply struct {
	// Conversation is as a Message named it.
	Conversation, Text string
	Attachments        []Blob
	// Partial says that the turn goes on.
	Partial bool
	// InReplyTo is empty when no message is answered.
	InReplyTo string
}

// Typing says that the agent is at work on a conversation.
type Typing struct{ Conversation string }

// Connected says that a socket opened.
type Connected struct{ Source string }

// Disconnected says that a socket closed.
type Disconnected struct{ Source, Reason string }

// Other is an event that this SDK does not know.
type Other struct{ JSON json.RawMessage }

func (Started) event()      {}
func (Frame) event()        {}
func (Timer) event()        {}
func (Reply) event()        {}
func (Typing) event()       {}
func (Connected) event()    {}
func (Disconnected) event() {}
func (Other) event()        {}

// Action is what the host shall do: Message, Send, Request, SetTimer, SaveState or Close.
type Action interface{ action() }

// Message is what a person said to the agent.
type Message struct {
	Conversation string
	// Message names it, for answers.
	Message string
	// Sender is their stable id on that system; SenderName may be empty.
	Sender, SenderName, Text string
	Attachments              []Blob
	IsDirect, MentionsUs     bool
}

// Send goes out on a socket.
type Send struct{ Frame Frame }

// Header is one header of a Request.
type Header struct{ Name, Value string }

// Request goes out over HTTP, through the host's one door. Its answer is a Frame of Source.
type Request struct {
	Source, Method, URL string
	Headers             []Header
	Body                []byte
}

// SetTimer has Handle called with this Timer after so many milliseconds.
type SetTimer struct {
	Name    string
	AfterMS uint64
}

// SaveState keeps a text for the next Started; at most 64 KiB.
type SaveState struct{ State string }

// Close closes a socket; the host opens it again unless the reason is "stop".
type Close struct{ Source, Reason string }

func (Message) action()   {}
func (Send) action()      {}
func (Request) action()   {}
func (SetTimer) action()  {}
func (SaveState) action() {}
func (Close) action()     {}
