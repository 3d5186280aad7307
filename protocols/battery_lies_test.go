package protocols_test

import (
	"slices"

	"parley/engine"
	"parley/protocols"
	"parley/protocols/liar"
)

func flipped(d engine.Digest) engine.Digest {
	d[0] ^= 1
	return d
}

// ownCases are the deviations in which a party says, with its own key, what no honest one says.
func ownCases() []sortie {
	return slices.Concat(foundingLies(), analystLies(), peopleLies(), rulingLies(), alarmLies(), linkageLies(), screenLies(), queryLies(), judgmentLies())
}

// lies is a case in which a party says these in place of its one entry of a kind.
func lies(kind protocols.EntryKind, deviation, how string, s *scene, want string, fault protocols.FaultKind,
	change func(w *world, by *party, body protocols.Body) []protocols.Body) sortie {
	by := "city2"
	if kind == protocols.KindAsk || kind == protocols.KindDone || kind == protocols.KindRequest || kind == protocols.KindAlert {
		by = "analyst"
	}
	return sortie{message: kind.String(), deviation: deviation, how: how, scene: s, by: by, want: want, fault: fault, prepare: instead(kind, change)}
}

// besidesOwn is a case in which a party of a running query says something else as well.
func besidesOwn(kind protocols.EntryKind, deviation, how string, fault protocols.FaultKind, want string, at protocols.EntryKind,
	other func(w *world, by *party) protocols.Body) sortie {
	c := sortie{message: kind.String(), deviation: deviation, how: how, scene: asking, by: "city2", want: want, fault: fault}
	if at == protocols.KindAsk {
		c.by = "analyst"
	}
	c.prepare = besides(at, c.by, func(w *world, by *party, _ protocols.Entry) protocols.Entry {
		return protocols.Sign(w.network.ID(), by.key, other(w, by))
	})
	return c
}

func foundingLies() []sortie {
	two := func(change func(b protocols.Body) protocols.Body) func(*world, *party, protocols.Body) []protocols.Body {
		return func(_ *world, _ *party, b protocols.Body) []protocols.Body { return []protocols.Body{b, change(b)} }
	}
	version := func(p *party, version uint64, rows []person) *protocols.Register {
		return &protocols.Register{Registration: registration(p.name, "heart", version, rows)}
	}
	formedID := func(w *world) engine.Digest { return w.ledger.state.Epoch().ID }
	return []sortie{
		lies(protocols.KindJoin, "equivocated", "a second name", founding, anyway, "", two(func(b protocols.Body) protocols.Body {
			return &protocols.Join{Name: "other", Nonce: b.(*protocols.Join).Nonce}
		})),
		{message: "join", deviation: "stale", how: "of a member that was voted out", scene: asking, by: "city2", want: anyway, prepare: rejoin},
		lies(protocols.KindRegister, "equivocated", "the same version with other rows", founding, anyway, "",
			func(w *world, by *party, b protocols.Body) []protocols.Body {
				return []protocols.Body{b, version(by, 1, by.rows[1:])}
			}),
		lies(protocols.KindRegister, "stale", "version 2, then other rows as version 1", founding, anyway, "",
			func(w *world, by *party, b protocols.Body) []protocols.Body {
				return []protocols.Body{version(by, 2, by.rows), version(by, 1, by.rows[1:])}
			}),
		lies(protocols.KindEpochOpen, "equivocated", "another id", founding, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.EpochOpen)
				other.ID = flipped(other.ID)
				return []protocols.Body{&other, b}
			}),
		besidesOwn(protocols.KindEpochOpen, "stale", "the present epoch's number with other members", "", anyway, protocols.KindAdmit,
			func(w *world, by *party) protocols.Body {
				e := w.ledger.state.Epoch()
				return &protocols.EpochOpen{Number: e.Number, ID: e.ID, Beacon: e.Beacon, Members: []protocols.Key{by.id}}
			}),
		lies(protocols.KindKeyCommit, "equivocated", "two key shares", founding, anyway, protocols.FaultSecond, two(func(b protocols.Body) protocols.Body {
			c := *b.(*protocols.KeyCommit)
			c.Blob = flipped(c.Blob)
			return &c
		})),
		besidesOwn(protocols.KindKeyCommit, "stale", "another key share for the formed epoch", protocols.FaultSecond, anyway, protocols.KindAdmit,
			func(w *world, _ *party) protocols.Body {
				return &protocols.KeyCommit{Epoch: formedID(w), Blob: engine.Digest{1}}
			}),
		lies(protocols.KindKeyAttest, "equivocated", "another epoch's digest, then the right one", founding, anyway, protocols.FaultWrongDigest,
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				a := *b.(*protocols.KeyAttest)
				a.Digest = flipped(a.Digest)
				return []protocols.Body{&a, b}
			}),
		besidesOwn(protocols.KindKeyAttest, "stale", "another digest for the formed epoch", "", anyway, protocols.KindAdmit,
			func(w *world, _ *party) protocols.Body {
				return &protocols.KeyAttest{Epoch: formedID(w), Digest: engine.Digest{1}}
			}),
		early(protocols.KindKeyAttest, founding, protocols.KindKeyCommit, func(w *world, _ *party) protocols.Body {
			return &protocols.KeyAttest{Epoch: w.ledger.state.Forming().ID}
		}),
	}
}

// rejoin votes city3 out; what it signed when it joined is said again.
func rejoin(w *world, _ *party) {
	victim := w.party("city3")
	w.vote(protocols.Change{Action: protocols.ActionRemove, Role: protocols.RoleDepartment, Key: victim.id})
	w.run()
	victim.up, victim.role = false, "removed"
	w.askFor(bySex, "city1", "city2")
	w.analyst().submit(w.lie(protocols.Sign(w.network.ID(), victim.key, &protocols.Join{Name: victim.name, Nonce: [32]byte{9}})))
}

// early is a case in which an entry is said before its time, and again in its time.
func early(kind protocols.EntryKind, s *scene, at protocols.EntryKind, body func(w *world, by *party) protocols.Body) sortie {
	c := sortie{message: kind.String(), deviation: "reordered", how: "before its time, and again in its time", scene: s, by: "city2", want: anyway}
	c.prepare = func(w *world, by *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if p == by && e.Kind == at {
				return []protocols.Entry{w.lie(protocols.Sign(w.network.ID(), p.key, body(w, p))), e}
			}
			return []protocols.Entry{e}
		}
	}
	return c
}

// doneEarly: the analyst says that it has its answer when there is none.
func doneEarly() sortie {
	c := early(protocols.KindDone, asking, protocols.KindContribute, nil)
	c.by = "analyst"
	c.prepare = func(w *world, by *party) {
		w.says = func(p *party, e protocols.Entry) []protocols.Entry {
			if p.name != "city2" || e.Kind != protocols.KindContribute {
				return []protocols.Entry{e}
			}
			q := openQuery(w)
			return []protocols.Entry{w.lie(protocols.Sign(w.network.ID(), by.key, &protocols.Done{Query: q.ID, Transcript: q.Transcript})), e}
		}
	}
	return c
}

// openQuery is the query that is open.
func openQuery(w *world) *protocols.QueryState {
	return w.ledger.state.Query(w.ledger.state.Open()[0])
}

// formerQuery is the answered query of the base.
func formerQuery(w *world) *protocols.QueryState {
	return w.ledger.state.Query(w.ledger.state.Ended()[0])
}

func analystLies() []sortie {
	return []sortie{
		lies(protocols.KindAsk, "equivocated", "two questions with one key", asking, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Ask)
				other.Nonce[0] ^= 1
				return []protocols.Body{b, &other}
			}),
		lies(protocols.KindAsk, "stale", "under another epoch, then the right one", asking, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Ask)
				other.Epoch = flipped(other.Epoch)
				return []protocols.Body{&other, b}
			}),
		doneEarly(),
		lies(protocols.KindDone, "equivocated", "another certificate, then the right one", asking, refused, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				d := *b.(*protocols.Done)
				d.Certificate = flipped(d.Certificate)
				return []protocols.Body{&d, b}
			}),
		lies(protocols.KindDone, "stale", "another transcript, then the right one", asking, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				d := *b.(*protocols.Done)
				d.Transcript = flipped(d.Transcript)
				return []protocols.Body{&d, b}
			}),
	}
}

func peopleLies() []sortie {
	analyst := func(w *world) *protocols.Vouch { return vouching(w.analyst()) }
	vouch := func(deviation, how string, other func(w *world) protocols.Body) sortie {
		return besidesOwn(protocols.KindVouch, deviation, how, "", anyway, protocols.KindAdmit, func(w *world, _ *party) protocols.Body { return other(w) })
	}
	return []sortie{
		lies(protocols.KindVouch, "equivocated", "two roles for one key", staffing, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				return []protocols.Body{b, clerk(protocols.PersonSteward)}
			}),
		lies(protocols.KindVouch, "stale", "a newer one, then the one before", staffing, anyway, "",
			func(*world, *party, protocols.Body) []protocols.Body {
				newer := clerk(protocols.PersonAuditor)
				newer.Turn = 1
				return []protocols.Body{newer, clerk(protocols.PersonSteward)}
			}),
		vouch("forged", "for city1's analyst", func(w *world) protocols.Body { return analyst(w) }),
		vouch("forged", "for a key in place of that of city1's analyst", func(w *world) protocols.Body {
			b := clerk(protocols.PersonAnalyst)
			b.Replaces, b.First = w.analyst().id, w.analyst().id
			return b
		}),
		vouch("forged", "for city3's own key", func(w *world) protocols.Body {
			b := clerk(protocols.PersonAnalyst)
			b.Person = w.party("city3").id
			b.First = b.Person
			return b
		}),
		lies(protocols.KindRevoke, "equivocated", "for two reasons", staffing, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Revoke)
				other.Reason = "came back"
				return []protocols.Body{b, &other}
			}),
		lies(protocols.KindRevoke, "stale", "after a newer vouch", staffing, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				newer, older := clerk(protocols.PersonAuditor), *b.(*protocols.Revoke)
				newer.Turn, older.Reason = 5, "long ago"
				return []protocols.Body{newer, &older}
			}),
		lies(protocols.KindAct, "equivocated", "two things at one turn", staffing, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Act)
				other.What = "reload"
				return []protocols.Body{b, &other}
			}),
		lies(protocols.KindAct, "stale", "a newer one, then one from before", staffing, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				newer, older := *b.(*protocols.Act), *b.(*protocols.Act)
				newer.Turn, older.What = newer.Turn+5, "long ago"
				return []protocols.Body{&newer, &older}
			}),
		besidesOwn(protocols.KindAct, "forged", "of what city1 does", "", anyway, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			return &protocols.Act{Node: w.party("city1").id, What: "vote remove department city3", Turn: 9}
		}),
		besidesOwn(protocols.KindRevoke, "forged", "of city1's analyst", "", anyway, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			return &protocols.Revoke{Person: w.analyst().id, Reason: "not liked", Turn: 9}
		}),
	}
}

func queryLies() []sortie {
	blobs := []engine.Digest{{1}}
	return []sortie{
		lies(protocols.KindAdmit, "equivocated", "admits and refuses", asking, refused, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				return []protocols.Body{b, &protocols.Refuse{Query: b.(*protocols.Admit).Query, Code: "mood", Sentence: "no"}}
			}),
		lies(protocols.KindAdmit, "stale", "under another epoch", asking, failed, protocols.FaultStaleEpoch,
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				a := *b.(*protocols.Admit)
				a.Epoch = flipped(a.Epoch)
				return []protocols.Body{&a}
			}),
		lying("contribute", "equivocated", "two contributions", liar.SecondContribution, protocols.FaultSecond),
		lying("contribute", "stale", "under another epoch", liar.StaleEpoch, protocols.FaultStaleEpoch),
		early(protocols.KindContribute, asking, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			q := openQuery(w)
			return &protocols.Contribute{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs}
		}),
		lies(protocols.KindAttest, "equivocated", "attests the ledger's contributions, then others", asking, failed, protocols.FaultWrongDigest,
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				a := *b.(*protocols.Attest)
				a.Contributions = flipped(a.Contributions)
				return []protocols.Body{b, &a}
			}),
		lies(protocols.KindAttest, "stale", "the contributions of the query before", asking, failed, protocols.FaultWrongDigest,
			func(w *world, _ *party, b protocols.Body) []protocols.Body {
				return []protocols.Body{&protocols.Attest{Query: b.(*protocols.Attest).Query, Contributions: formerQuery(w).Contributions}}
			}),
		early(protocols.KindAttest, asking, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			return &protocols.Attest{Query: openQuery(w).ID}
		}),
		lies(protocols.KindShare, "equivocated", "two shares", asking, failed, protocols.FaultSecond,
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.ShareCommit)
				other.Blobs = blobs
				return []protocols.Body{b, &other}
			}),
		lies(protocols.KindShare, "stale", "under another epoch", asking, failed, protocols.FaultStaleEpoch,
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.ShareCommit)
				other.Epoch = flipped(other.Epoch)
				return []protocols.Body{&other}
			}),
		early(protocols.KindShare, asking, protocols.KindContribute, func(w *world, _ *party) protocols.Body {
			q := openQuery(w)
			return &protocols.ShareCommit{Query: q.ID, Epoch: q.Ask.Epoch, Blobs: blobs}
		}),
		besidesOwn(protocols.KindExpire, "stale", "of a query that has ended", "", anyway, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			return &protocols.Expire{Query: formerQuery(w).ID}
		}),
		besidesOwn(protocols.KindWithdraw, "stale", "of a query that has ended", "", anyway, protocols.KindAsk, func(w *world, _ *party) protocols.Body {
			return &protocols.Withdraw{Query: formerQuery(w).ID}
		}),
		early(protocols.KindExpire, asking, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			return &protocols.Expire{Query: openQuery(w).ID}
		}),
	}
}

func judgmentLies() []sortie {
	vote := func(b protocols.Body) protocols.Change { return b.(*protocols.Vote).Change }
	accuseOver := func(w *world, q *protocols.QueryState, fault protocols.FaultKind) *protocols.Accuse {
		return &protocols.Accuse{Query: q.ID, Department: w.party("city1").id, Fault: fault, Subject: protocols.SubjectContribution,
			Blob: q.Contributed[0][0], Sentence: "so it is"}
	}
	return []sortie{
		lies(protocols.KindVote, "equivocated", "for two changes", election, anyway, "", func(_ *world, _ *party, b protocols.Body) []protocols.Body {
			other := vote(b)
			other.Name, other.Key = "third", protocols.KeyOf(testKey("third"))
			return []protocols.Body{b, &protocols.Vote{Change: other}}
		}),
		lies(protocols.KindVote, "stale", "on another version of the membership, then the right one", election, anyway, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := vote(b)
				other.Version--
				return []protocols.Body{&protocols.Vote{Change: other}, b}
			}),
		lies(protocols.KindJudge, "equivocated", "guilty and not guilty", accusation, failed, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Judge)
				other.Guilty = !other.Guilty
				return []protocols.Body{b, &other}
			}),
		lies(protocols.KindJudge, "forged", "not guilty, though it does not verify", accusation, failed, "",
			func(_ *world, _ *party, b protocols.Body) []protocols.Body {
				other := *b.(*protocols.Judge)
				other.Guilty = !other.Guilty
				return []protocols.Body{&other}
			}),
		besidesOwn(protocols.KindJudge, "stale", "of a query in which nobody was accused", "", anyway, protocols.KindAdmit,
			func(w *world, _ *party) protocols.Body {
				q := formerQuery(w)
				return &protocols.Judge{Case: q.ID, Blob: q.Contributed[0][0], Guilty: true}
			}),
		early(protocols.KindJudge, asking, protocols.KindAttest, func(w *world, _ *party) protocols.Body {
			q := openQuery(w)
			return &protocols.Judge{Case: q.ID, Blob: q.Contributed[0][0], Guilty: true}
		}),
		besidesOwn(protocols.KindAccuse, "equivocated", "attests and accuses", protocols.FaultFalseAccusation, failed, protocols.KindAttest,
			func(w *world, _ *party) protocols.Body { return accuseOver(w, openQuery(w), protocols.FaultBadProof) }),
		besidesOwn(protocols.KindAccuse, "stale", "in a query that has ended", "", anyway, protocols.KindAdmit,
			func(w *world, _ *party) protocols.Body {
				return accuseOver(w, formerQuery(w), protocols.FaultBadProof)
			}),
		lying("accuse", "forged", "of a department whose proof verifies", liar.FalseAccusation, protocols.FaultFalseAccusation),
		besidesOwn(protocols.KindAccuse, "forged", "over another blob than the ledger's", protocols.FaultFalseAccusation, failed, protocols.KindAttest,
			func(w *world, _ *party) protocols.Body {
				a := accuseOver(w, openQuery(w), protocols.FaultBadProof)
				a.Blob = flipped(a.Blob)
				return a
			}),
		besidesOwn(protocols.KindAccuse, "forged", "with a header that the accused did not sign", protocols.FaultFalseAccusation, failed, protocols.KindAttest,
			func(w *world, by *party) protocols.Body {
				a := accuseOver(w, openQuery(w), protocols.FaultEquivocation)
				_, header := by.signed(a.Blob, []byte("other bytes"))
				header.Server = a.Department
				a.Served = header.Marshal()
				return a
			}),
		early(protocols.KindAccuse, asking, protocols.KindAdmit, func(w *world, _ *party) protocols.Body {
			q := openQuery(w)
			return &protocols.Accuse{Query: q.ID, Department: w.party("city1").id, Fault: protocols.FaultBadProof,
				Subject: protocols.SubjectContribution, Sentence: "before there is any"}
		}),
	}
}
