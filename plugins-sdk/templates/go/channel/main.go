// {{title}}: speaks a chat system's language. The host owns sockets, timers and reconnects; this only
// says what an event means. Here, each text frame is a message of its socket.
package main

import "skynet.example/skynet"

func handle(event skynet.Event) ([]skynet.Action, error) {
	switch event := event.(type) {
	case skynet.Frame:
		// A message must be UTF-8, which only frames of text are.
		if event.IsText {
			message := skynet.Message{Conversation: event.Source, Sender: event.Source, Text: string(event.Data), IsDirect: true, MentionsUs: true}
			return []skynet.Action{message}, nil
		}
	case skynet.Reply:
		if !event.Partial {
			return []skynet.Action{skynet.Send{Frame: skynet.Frame{Source: event.Conversation, Data: []byte(event.Text), IsText: true}}}, nil
		}
	}
	return nil, nil
}

func init() {
	skynet.Serve(skynet.Plugin{
		Name:    "{{title}}",
		Summary: "Each text frame is a message, each answer a frame.",
		Channel: skynet.Channel{Handle: handle},
	})
}

// main never runs: a plugin is a library.
func main() {}
