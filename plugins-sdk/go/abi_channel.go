//go:build wasip1

// What a channel exports. Offsets and the order of cases are those of wit/channel.wit, which is frozen.
package skynet

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

const (
	actionSize = 72
	// Where an action's payload begins: one of its cases holds a number of 8 bytes.
	inAction = 8
)

// Handle's argument comes flat: the case, and after it the fields of the longest, which is a reply.
//
//go:wasmexport skynet:plugin/channel@0.1.0#handle
func handle(kind, a, b, c, d, e, f, g, h, i, j, _, _ uint32) unsafe.Pointer {
	var event Event
	switch kind {
	case 0:
		event = Started{textAt(a, b)}
	case 1:
		event = Frame{textAt(a, b), bytesAt(c, d), e&0xff != 0}
	case 2:
		event = Timer{textAt(a, b)}
	case 3:
		reply := Reply{Conversation: textAt(a, b), Text: textAt(c, d), Attachments: blobsAt(e, f), Partial: g&0xff != 0}
		if h&0xff != 0 {
			reply.InReplyTo = textAt(i, j)
		}
		event = reply
	case 4:
		event = Typing{textAt(a, b)}
	case 5:
		event = Connected{textAt(a, b)}
	case 6:
		event = Disconnected{textAt(a, b), textAt(c, d)}
	default:
		event = Other{json.RawMessage(textAt(a, b))}
	}
	var actions []Action
	var err error
	collecting(func() { actions, err = served.Channel.Handle(event) })
	out := newArea(12)
	if err != nil {
		out.u8(0, 1)
		out.text(4, err.Error())
		return out.at
	}
	list := out.list(4, len(actions), actionSize)
	for i, action := range actions {
		list(i).action(action)
	}
	return out.at
}

func blobsAt(at, length uint32) []Blob {
	blobs := make([]Blob, length)
	for i := range blobs {
		field := func(number uintptr) uint32 {
			return *(*uint32)(unsafe.Pointer(uintptr(at) + uintptr(i)*16 + number*4))
		}
		blobs[i] = Blob{textAt(field(0), field(1)), bytesAt(field(2), field(3))}
	}
	return blobs
}

func (a area) action(action Action) {
	switch action := action.(type) {
	case Message:
		a.u8(0, 0)
		a.text(inAction, action.Conversation)
		a.text(inAction+8, action.Message)
		a.text(inAction+16, action.Sender)
		a.optional(inAction+24, action.SenderName)
		a.text(inAction+36, action.Text)
		blobs := a.list(inAction+44, len(action.Attachments), 16)
		for i, blob := range action.Attachments {
			blobs(i).text(0, blob.MIME)
			blobs(i).bytes(8, blob.Data)
		}
		a.flag(inAction+52, action.IsDirect)
		a.flag(inAction+53, action.MentionsUs)
	case Send:
		a.u8(0, 1)
		a.text(inAction, action.Frame.Source)
		a.bytes(inAction+8, action.Frame.Data)
		a.flag(inAction+16, action.Frame.IsText)
	case Request:
		a.u8(0, 2)
		a.text(inAction, action.Source)
		a.text(inAction+8, action.Method)
		a.text(inAction+16, action.URL)
		headers := a.list(inAction+24, len(action.Headers), 16)
		for i, header := range action.Headers {
			headers(i).text(0, header.Name)
			headers(i).text(8, header.Value)
		}
		a.bytes(inAction+32, action.Body)
	case SetTimer:
		a.u8(0, 3)
		a.text(inAction, action.Name)
		*(*uint64)(unsafe.Add(a.at, inAction+8)) = action.AfterMS
	case SaveState:
		a.u8(0, 4)
		a.text(inAction, action.State)
	case Close:
		a.u8(0, 5)
		a.text(inAction, action.Source)
		a.text(inAction+8, action.Reason)
	default:
		panic(fmt.Sprintf("%T is no action", action))
	}
}
