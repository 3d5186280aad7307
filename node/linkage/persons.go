package linkage

import (
	"context"
	"errors"

	"parley/datasets/vectors"
	"parley/engine"
	"parley/protocols"
	"parley/protocols/linkage"
)

// Entries are what a department has of each person of a spine, in the vectors that a question's machine asks for, and what became of its rows,
// which is for the department's operator alone. t is the table as the plan has it registered, at is where its persons stand.
func Entries(ctx context.Context, t vectors.Table, ask *protocols.Persons, department string, at Placement) ([][]int64, *vectors.Report, error) {
	own, key, err := vectors.Side(ask.Plan, ask.Side)
	if err != nil {
		return nil, nil, err
	}
	positions := int(ask.Spine.Positions)
	v, report, err := vectors.Of(ctx, t, own, department, key, vectors.Spine{Positions: positions, Canonical: linkage.Canonical, Position: at.Position})
	if err != nil {
		return nil, nil, err
	}
	out := make([][]int64, len(ask.Vectors))
	for i, of := range ask.Vectors {
		if of.Group < 0 || of.Group >= v.Groups() || of.Vector < 0 || of.Vector >= v.Moments() {
			return nil, nil, errors.New("a vector that the plan's side does not have")
		}
		out[i] = make([]int64, positions)
		v.Fill(out[i], of.Group, of.Vector, 0)
	}
	return out, report, nil
}

// Placement is where the persons of a table of the department's, as it is registered so, stand on the version of the spine that a question
// names, by a state of the ledger: MayAnswer decides. ErrNotAccepted: the department does not answer on it.
func (l *Linker) Placement(state *protocols.State, r engine.Registration, on *protocols.Linked) (Placement, error) {
	link := state.Linkage()
	if l == nil || link == nil {
		return Placement{}, ErrNotAccepted
	}
	spine := link.Spine(on.Department, on.Table)
	if spine == nil || protocols.SpineDigest(spine.By, &spine.Spine) != on.Spine {
		return Placement{}, ErrNotAccepted
	}
	return l.MayAnswer(r.Table, protocols.RegistrationDigest(r), *spine)
}

// Unplaced reports whether a question that joins tables across departments has to wait until it is known where the department's persons stand on
// the spine: after a start, or when the spine's version has just come. Of nil, an auditor's, nothing is waited for.
func (l *Linker) Unplaced(state *protocols.State, q *protocols.QueryState) bool {
	if l == nil || q.Ask.Linked == nil || l.Looked() >= q.Number {
		return false
	}
	for _, r := range q.Registrations {
		if r.Department == state.NameOf(l.o.Self) {
			if _, err := l.Placement(state, r, q.Ask.Linked); err != nil {
				return true
			}
		}
	}
	return false
}
