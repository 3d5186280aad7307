package audit

import (
	"time"

	"parley/node/peers"
	"parley/protocols"
)

// Alert is an alert as --json prints it, and as a node's operator is told of it (README sections 11.3 and 14).
type Alert struct {
	Number     uint64    `json:"number"` // of its record on the ledger
	Time       time.Time `json:"time"`
	Analyst    string    `json:"analyst"`
	Peer       string    `json:"peer"` // the analyst's
	Department string    `json:"department"`
	Table      string    `json:"table"`
	Purpose    string    `json:"purpose"`
	Name       string    `json:"name"`
	Rule       string    `json:"rule"`
	Found      string    `json:"found"`
	Query      string    `json:"query"`
}

// AlertsOf are the last alerts of a state, the oldest first.
func AlertsOf(s *protocols.State) []Alert {
	out := []Alert{}
	for _, a := range s.Alerts() {
		out = append(out, Alert{Number: a.Number, Time: time.UnixMilli(a.Time).UTC(), Analyst: a.Analyst, Peer: peers.PeerOf(a.By), Department: a.Department,
			Table: a.Table, Purpose: a.Purpose, Name: a.Name, Rule: a.Rule, Found: a.Found, Query: a.Query.String()})
	}
	return out
}
