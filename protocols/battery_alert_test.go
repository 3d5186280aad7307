package protocols_test

import "parley/protocols"

// alarming: the analyst asks, and says that the answer passed a threshold.
var alarming = &scene{play: alarm, want: answered}

func alarm(w *world) {
	ask(w)
	if ended := w.ledger.state.Ended(); len(ended) > 0 {
		a := w.analyst()
		a.enqueue(protocols.Sign(w.network.ID(), a.key, &protocols.Alert{Query: ended[len(ended)-1], Name: "relapse", Rule: "above 3", Found: "sex f: 4"}))
		w.settle()
	}
}

// alarmLies are what an analyst may say otherwise of an answer.
func alarmLies() []sortie {
	early := sortie{message: protocols.KindAlert.String(), deviation: "stale", how: "before the answer", scene: asking, by: "analyst", want: anyway}
	early.prepare = besides(protocols.KindDone, "analyst", func(w *world, by *party, e protocols.Entry) protocols.Entry {
		body, err := e.Open()
		if err != nil {
			w.t.Fatal(err)
		}
		return protocols.Sign(w.network.ID(), by.key, &protocols.Alert{Query: body.(*protocols.Done).Query, Name: "relapse", Rule: "above 3", Found: "sex f: 4"})
	})
	return []sortie{early,
		lies(protocols.KindAlert, "equivocated", "two figures under one name", alarming, anyway, "", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := *b.(*protocols.Alert)
			other.Found = "sex m: 9"
			return []protocols.Body{b, &other}
		}),
	}
}
