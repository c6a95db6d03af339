package nostrbot

import (
	"fmt"
	"maps"
	"strings"
)

// Texts are what a bot says, by message id and language. Package i18n reads
// them from files. Implementations are safe for concurrent use.
type Texts interface {
	// Text is the message named id in the language closest to lang, a BCP 47
	// tag ("pt-BR") or "" when the customer's is not known, filled with data,
	// which may be nil. ok is false when there is no such message in any
	// language.
	Text(lang, id string, data any) (text string, ok bool)
}

// Data fills the places of a text: {{.Usage}} is Data["Usage"].
type Data = map[string]any

// Ids of the library's own sentences.
const (
	textUsage       = "nostrbot.usage"
	textBadArgument = "nostrbot.bad-argument"
	textWord        = "nostrbot.want-word"
	textInt         = "nostrbot.want-int"
	textNpub        = "nostrbot.want-npub"
	textHelp        = "nostrbot.help"
	textUnknown     = "nostrbot.unknown"
	textSorry       = "nostrbot.sorry"
	textTooLong     = "nostrbot.too-long"
	textTooOld      = "nostrbot.too-old"
	textTooFast     = "nostrbot.too-fast"
	textWorkWanted  = "nostrbot.work-wanted"
	textNotAllowed  = "nostrbot.not-allowed"

	textWordsHelp     = "nostrbot.flow-help-words"
	textWordsBack     = "nostrbot.flow-back-words"
	textWordsCancel   = "nostrbot.flow-cancel-words"
	textFlowHelp      = "nostrbot.flow-help"
	textFlowNoBack    = "nostrbot.flow-no-back"
	textFlowCancelled = "nostrbot.flow-cancelled"
	textFlowTimedOut  = "nostrbot.flow-timed-out"
	textFlowTooMany   = "nostrbot.flow-too-many"
	textFlowOutdated  = "nostrbot.flow-outdated"
)

var ownTexts = map[string]string{
	textUsage:       "Usage: {{.Usage}}",
	textBadArgument: "{{.Name}} must be {{.Want}}. Usage: {{.Usage}}",
	textWord:        "a word",
	textInt:         "a whole number, such as 12",
	textNpub:        "somebody's public key, which begins with npub1",
	textHelp:        "what I can do",
	textUnknown:     "Sorry, I did not understand that. Send /help to see what I can do.",
	textSorry:       "Sorry, something went wrong on my side. Nothing was changed. Please try again in a moment.",
	textTooLong:     "That message is too long for me: {{.Got}} characters, I read at most {{.Most}}. Please send a shorter one.",
	textTooOld:      "This reached me late, so I did nothing. If you still want it, please send it again.",
	textTooFast:     "That is more than I can answer. Please wait {{.Seconds}} seconds before you go on.",
	textWorkWanted:  "To keep spam out, I ask for {{.Bits}} bits of proof of work (NIP-13) with the first message. Please set that in your client and write again.",
	textNotAllowed:  "Sorry, that is not open to you.",

	textWordsHelp:     "help",
	textWordsBack:     "back",
	textWordsCancel:   "cancel",
	textFlowHelp:      `Say "{{.Back}}" to go a step back, "{{.Cancel}}" to stop here. /help lists what else I can do.`,
	textFlowNoBack:    "There is no way back from here.",
	textFlowCancelled: "Cancelled.",
	textFlowTimedOut:  "I waited for a while and stopped here. Please start again when you like.",
	textFlowTooMany:   "Several things of yours are open already. Please finish or cancel one of them first.",
	textFlowOutdated:  "I was changed meanwhile and cannot go on where we were, sorry. Please start again.",
}

// Sentences are the library's own, in English, by the ids under which
// [Config].Texts may have them in other languages, or in other words:
// "nostrbot.usage" and so on. The places have the form of Go templates. The
// map is the caller's.
func Sentences() map[string]string { return maps.Clone(ownTexts) }

// Say stages the text named id, in the customer's language, as an answer. It
// looks into [Config].Texts, then among the library's own sentences. Where
// neither has it, the answer is the id itself, and an error is logged: a
// customer with a strange word before them can still ask; one without an answer
// cannot.
func (m *Message) Say(id string, data any) {
	text, ok := m.text(id, data)
	if !ok && m.log != nil {
		m.log.Error("text is missing, said its id", "id", id, "lang", m.lang)
	}
	m.Reply(text)
}

// translate is for texts given where handlers are declared: each may be an id.
func (m *Message) translate(text string) string {
	text, _ = m.text(text, nil)
	return text
}

func (m *Message) text(id string, data any) (text string, ok bool) {
	if m.texts != nil {
		if text, ok = m.texts.Text(m.lang, id, data); ok {
			return text, true
		}
	}
	if text, ok = ownTexts[id]; !ok {
		return id, false
	}
	fields, _ := data.(Data)
	for name, value := range fields {
		text = strings.ReplaceAll(text, "{{."+name+"}}", fmt.Sprint(value))
	}
	return text, true
}
