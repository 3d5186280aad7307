package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"

	"parley/bench/join"
)

// peerCost is what bench/peers measured of another system.
type peerCost struct {
	Protocol     string  `json:"protocol"`
	Identifiers  int     `json:"identifiers"`
	Intersection int     `json:"intersection"`
	Wall         float64 `json:"wallSeconds"`
	CPU          float64 `json:"cpuSeconds"`
	Bytes        int64   `json:"bytes"`
	MemoryMB     float64 `json:"memoryMB"`
}

// buildPeers builds bench/peers, a module of its own, in a temporary folder. source "": nobody asks for it.
func buildPeers(ctx context.Context, source string) (program string, remove func(), err error) {
	remove = func() {}
	if source == "" {
		return "", remove, errors.New("not asked for")
	}
	dir, err := os.MkdirTemp("", "parley-peers-")
	if err != nil {
		return "", remove, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	program = filepath.Join(dir, "peers")
	// Go 1.26's compiler fails on that package of match v1.4.0 if it inlines.
	_, err = output(command(ctx, source, "go", "build", "-buildvcs=false", "-gcflags=github.com/optable/match/internal/util=-l", "-o", program, "."))
	if err != nil {
		return "", remove, err
	}
	return program, remove, nil
}

// runPeer measures one protocol on the identifiers of the two sides.
func runPeer(ctx context.Context, program, protocol string, sets join.Sets) (*peerCost, error) {
	out, err := output(command(ctx, "", program, "-one", "-json", "-protocols", protocol, "-n", fmt.Sprint(sets.Persons), "-common", "90"))
	if err != nil {
		return nil, err
	}
	var c peerCost
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		return nil, fmt.Errorf("the peer's JSON: %w", err)
	}
	if c.Intersection != sets.Common {
		return nil, fmt.Errorf("the peer found %d identifiers in common, want %d", c.Intersection, sets.Common)
	}
	return &c, nil
}

func (r *joinedReport) write(o options) error {
	return write(o, "joined", r.markdown(), r, map[string]string{"joined.svg": r.plot()})
}

// markdown renders the tables.
func (r *joinedReport) markdown() string {
	var b strings.Builder
	commit := r.Commit
	if r.Changed {
		commit += " with uncommitted changes"
	}
	fmt.Fprintf(&b, "# Parley: joins across departments\n\n%s, %d cores (effective %.2f), commit %s. Three departments and an analyst in one process, without ledger and transport; "+
		"CPU seconds are of everybody, all verifications included.\n", r.Machine, r.Cores, r.EffectiveCores, commit)
	if len(r.Linking) > 0 {
		b.WriteString("\n## Linking, once\n\n| identifiers of each of three | CPU s of all | wall s | a department for its own, CPU s | to answer all, CPU s | MB sent | memory MB |\n|---:|---:|---:|---:|---:|---:|---:|\n")
		for _, l := range r.Linking {
			fmt.Fprintf(&b, "| %d | %.1f | %.1f | %.1f | %.1f | %.0f | %.0f |\n", l.Persons, l.All.CPU, l.All.Wall, l.Asking.CPU, l.Answering.CPU, float64(l.Bytes)/1e6, l.MemoryMB)
		}
	}
	b.WriteString("\n## Questions, the epoch's vectors in place\n\n" +
		"| persons | parameters | question | products of persons | answer's, 0 or 1 | weighted | CPU s | wall s | of it multiplying | verifying, each | memory MB | λ |\n" +
		"|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, q := range r.Questions {
		fmt.Fprintf(&b, "| %d | %s | %s | %d | %d | %d | %.1f | %.1f | %.1f | %.2f | %.0f | %.1f |\n", q.Persons, q.Parameters, q.Name, q.Counting, q.Pinned, q.Weighted,
			q.InPlace.CPU, q.InPlace.Wall, q.Multiplying.CPU, q.Verifying.CPU, q.MemoryMB, q.Lambda)
	}
	b.WriteString("\n## What had to be encrypted before, once an epoch, and bytes\n\n")
	if r.Sample > 1 {
		fmt.Fprintf(&b, "Of %d ciphertexts of a vector one was proven and verified, and is counted for all.\n\n", r.Sample)
	}
	b.WriteString(
		"| persons | parameters | question | new vectors | ciphertexts | encrypting, CPU s | verifying, each, CPU s | first question, CPU s | wall s | MB of vectors | MB of products and shares | MB of the certificate |\n" +
			"|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, q := range r.Questions {
		fmt.Fprintf(&b, "| %d | %s | %s | %d | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | %.1f |\n", q.Persons, q.Parameters, q.Name, q.NewVectors, q.NewChunks, q.Encrypting.CPU,
			q.VerifyVectors.CPU, q.First.CPU, q.First.Wall, float64(q.VectorBytes)/1e6, float64(q.Bytes)/1e6, float64(q.CertificateBytes)/1e6)
	}
	if len(r.Peers) == 0 {
		fmt.Fprintf(&b, "\nOf other systems nothing was measured: %s.\n", r.NoPeers)
		return b.String()
	}
	b.WriteString("\n## Optable match v1.4.0 on the same identifiers: honest but curious, and the receiver learns who matches\n\n" +
		"| identifiers | protocol | in common | CPU s | wall s | MB | memory MB | Parley's `count`, CPU |\n|---:|---|---:|---:|---:|---:|---:|---|\n")
	for _, p := range r.Peers {
		var ratios []string
		for _, q := range r.Questions {
			if q.Persons == p.Identifiers && q.Name == "count" {
				ratios = append(ratios, fmt.Sprintf("%.2f × (%s)", q.InPlace.CPU/p.CPU, q.Parameters))
			}
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %.1f | %.1f | %.1f | %.0f | %s |\n", p.Identifiers, p.Protocol, p.Intersection, p.CPU, p.Wall, float64(p.Bytes)/1e6, p.MemoryMB, strings.Join(ratios, ", "))
	}
	return b.String()
}

// bar is one line of the plot.
type bar struct {
	name    string
	seconds float64
	peer    bool
}

// plot draws the CPU seconds of each question and of each peer, for each number of persons on an axis of its own.
func (r *joinedReport) plot() string {
	var sizes []int
	bars := map[int][]bar{}
	put := func(size int, b bar) {
		if bars[size] == nil {
			sizes = append(sizes, size)
		}
		bars[size] = append(bars[size], b)
	}
	for _, q := range r.Questions {
		put(q.Persons, bar{q.Name + ", " + q.Parameters, q.InPlace.CPU, false})
	}
	for _, p := range r.Peers {
		put(p.Identifiers, bar{"Optable " + p.Protocol, p.CPU, true})
	}
	var b strings.Builder
	y := plotTop
	for _, size := range sizes {
		most := 0.0
		for _, x := range bars[size] {
			most = max(most, x.seconds)
		}
		fmt.Fprintf(&b, `<text class="head" x="16" y="%d">%d persons, CPU seconds, vectors in place</text>`+"\n", y+24, size)
		y += plotHead
		for _, x := range bars[size] {
			class := "box"
			if x.peer {
				class = "new-first"
			}
			width := x.seconds / max(most, 1e-9) * (plotRight - plotLeft)
			fmt.Fprintf(&b, `<text x="16" y="%d">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="18"/><text x="%.1f" y="%d">%.1f</text>`+"\n",
				y+plotRow/2+4, html.EscapeString(x.name), class, plotLeft, y+plotRow/2-9, width, plotLeft+width+8, y+plotRow/2+4, x.seconds)
			y += plotRow
		}
		y += plotFoot / 2
	}
	const title = "Joins across departments beside private set intersection"
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t">
<title id="t">%s</title>
%s<rect class="ground" width="%d" height="%d"/>
<text class="head" x="16" y="26">%s</text>
%s</svg>
`, plotWidth, y, plotWidth, y, title, plotStyle, plotWidth, y, title, b.String())
}
