package linkage

import (
	"slices"
	"time"

	"parley/protocols"
	"parley/protocols/linkage"
)

// form opens the linkage that is needed, and says this member's words towards the one that is being formed. A share is on the disk
// before anything is said of it, and is never drawn twice for one linkage.
func (l *Linker) form(state *protocols.State) error {
	l.forgetRefused()
	l.open(state)
	link := state.Linkage()
	if link == nil {
		return nil
	}
	if err := l.store.retire(link.ID, link.Phase == protocols.LinkageClosed); err != nil {
		return err
	}
	if link.Phase == protocols.LinkageClosed || !link.IsMember(l.o.Self) {
		l.serving.keep(link.ID, nil)
		l.tokens = nil
		return nil
	}
	key := l.serving.share(link.ID)
	if key == nil {
		var err error
		if key, err = l.store.key(state.LinkageContext(), l.o.Self); err != nil {
			return err
		}
		l.tokens, l.rate = nil, rate{}
	}
	if key == nil && state.LinkageWord(l.o.Self, nil) == nil { // nothing is committed to yet
		key = linkage.NewKey(state.LinkageContext(), l.o.Self)
		if err := l.store.keepKey(link.ID, key); err != nil {
			return err
		}
	}
	l.serving.keep(link.ID, key)
	if word := state.LinkageWord(l.o.Self, key); word != nil {
		if word.Kind() == protocols.KindLinkageClose {
			l.o.Log.Error("the department's share of the linkage's key is not in its folder: it leaves the linkage, and a new one is formed", "linkage", link.ID.String())
		}
		l.say(said{linkage: link.ID, kind: word.Kind()}, word)
	}
	return nil
}

// open opens the next linkage, if it is needed and this department has to do with any: the first of those that have joined at once, the others in
// their turn, and all after a pause if the last one was closed.
func (l *Linker) open(state *protocols.State) {
	next := state.NextLinkage()
	if next == nil || next.Number <= l.opened || len(l.o.Tables()) == 0 || !slices.Contains(next.Members, l.o.Self) {
		l.begun = time.Time{}
		return
	}
	if l.begun.IsZero() {
		l.begun = time.Now()
		if l.opened > 0 {
			l.pause = min(max(2*l.pause, openPause), openLastPause)
		}
	}
	if time.Since(l.begun) < l.pause+openTurn*time.Duration(slices.Index(next.Members, l.o.Self)) {
		return
	}
	l.opened, l.begun = next.Number, time.Time{}
	l.say(said{kind: next.Kind(), number: next.Number}, next)
}
