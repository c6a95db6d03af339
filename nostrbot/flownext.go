package nostrbot

import "strconv"

// Next is what a [StepFunc] answers: where the run goes. The zero value is for
// returning beside an error.
type Next struct {
	kind nextKind
	step string
}

type nextKind int

const (
	nextNone nextKind = iota
	nextGo
	nextAgain
	nextStay
	nextBack
	nextDone
	nextCancel
	nextPass
)

var (
	// Again asks the step's question again, after what was replied: the
	// answer was not understood. See [Bot.Flow] for a text that is also a
	// command.
	Again = Next{kind: nextAgain}
	// Stay keeps the step and says nothing beyond what was replied.
	Stay = Next{kind: nextStay}
	// Back goes back as if the customer had asked to.
	Back = Next{kind: nextBack}
	// Done ends the run.
	Done = Next{kind: nextDone}
	// Cancel ends the run, and says so.
	Cancel = Next{kind: nextCancel}
	// Pass says that this text is not for this step: the customer's next
	// older run that takes text gets it, or else the commands. What was
	// replied and changed in the state is dropped. For Step.Text only.
	Pass = Next{kind: nextPass}
)

// Go enters the step of that name and asks its question. It may be the step
// that the run is at.
func Go(step string) Next { return Next{kind: nextGo, step: step} }

// String names it, as in code.
func (n Next) String() string {
	if n.kind == nextGo {
		return "Go(" + strconv.Quote(n.step) + ")"
	}
	return [...]string{"Next{}", "Go", "Again", "Stay", "Back", "Done", "Cancel", "Pass"}[n.kind]
}
