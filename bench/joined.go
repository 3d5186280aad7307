package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"parley/bench/join"
	"parley/circuits"
	"parley/node/disk"
	"parley/node/exchange"
)

// joinedReport is what one run of -joined measured (README section 8).
type joinedReport struct {
	Machine        string           `json:"machine"`
	Cores          int              `json:"cores"`
	EffectiveCores float64          `json:"effectiveCores"`
	Commit         string           `json:"commit"`
	Changed        bool             `json:"uncommittedChanges"`
	Sample         int              `json:"sample"` // of so many ciphertexts of a vector one is proven and verified, and counted for all
	Linking        []linkingCost    `json:"linking,omitempty"`
	Questions      []joinedQuestion `json:"questions"`
	Peers          []peerCost       `json:"peers,omitempty"`
	NoPeers        string           `json:"noPeers,omitempty"` // why none were measured
}

// runJoined measures joins across departments at each number of persons and parameter set, and peers on the same identifiers.
func runJoined(ctx context.Context, o options) (*joinedReport, error) {
	for _, name := range o.asked {
		if join.Questions[name] == "" {
			return nil, fmt.Errorf("-ask %q: there are persons, count, sum, product and groups", name)
		}
	}
	machine := newReport()
	r := &joinedReport{Machine: machine.Machine, Cores: machine.Cores, EffectiveCores: machine.EffectiveCores, Commit: "unknown", Sample: o.sample}
	if commit, changed, err := commitOf(ctx, ""); commit != "" {
		r.Commit, r.Changed = commit, changed || err != nil
	}
	program, remove, err := buildPeers(ctx, o.peers)
	if err != nil {
		r.NoPeers = err.Error()
		fmt.Fprintln(os.Stderr, "peers are left out:", err)
	}
	defer remove()
	for _, persons := range o.joined {
		if err := r.size(ctx, o, join.NewSets(persons), program); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// size measures one number of persons: linking once, and the questions at each parameter set.
func (r *joinedReport) size(ctx context.Context, o options, sets join.Sets, peers string) error {
	for _, protocol := range []string{"dh", "kkrt"} {
		if peers == "" {
			break
		}
		fmt.Fprintf(os.Stderr, "peers: %s, %d identifiers on each side\n", protocol, sets.Persons)
		c, err := runPeer(ctx, peers, protocol, sets)
		if err != nil {
			return err
		}
		r.Peers = append(r.Peers, *c)
	}
	town, err := newJoinedTown(ctx, sets)
	if err != nil {
		return err
	}
	defer town.close()
	if o.linking {
		linked, err := town.link()
		if err != nil {
			return err
		}
		r.Linking = append(r.Linking, *linked)
	}
	for _, name := range o.parameters {
		keys, err := joinedKeys(ctx, name)
		if err != nil {
			return err
		}
		questions, err := town.questions(ctx, keys, o.asked, o.sample)
		if err != nil {
			return fmt.Errorf("%d persons at %s: %w", sets.Persons, name, err)
		}
		r.Questions = append(r.Questions, questions...)
	}
	return nil
}

// joinedKeys are the keys of all six statements, from the user's cache or made.
func joinedKeys(ctx context.Context, name string) (*circuits.Keys, error) {
	p, err := circuits.Named(name)
	if err != nil {
		return nil, err
	}
	dir := exchange.DefaultCacheDir()
	if err := disk.MakePrivate(dir); err != nil {
		return nil, err
	}
	keys, err := circuits.DevelopJoined(ctx, p, dir, func(step string, done, total int) {
		fmt.Fprintf(os.Stderr, "keys %d/%d: %s\n", done, total, step)
	})
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(circuits.Statements, circuits.JoinStatements) {
		if err := keys.Preload(s); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
