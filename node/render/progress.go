package render

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"parley/node/failure"
)

const (
	redrawEvery = 200 * time.Millisecond // on a terminal
	remindEvery = 15 * time.Second       // in a log, while one step lasts
	barWidth    = 24
)

// Progress tells what is being done: one line that changes on a terminal, plain lines elsewhere. It is
// safe for use by several goroutines. The zero writer is not allowed; a nil *Progress says nothing.
type Progress struct {
	mu      sync.Mutex
	w       io.Writer
	live    bool
	label   string
	done    int
	total   int
	started time.Time
	said    time.Time
	stop    chan struct{}
	clock   func() time.Time
}

func NewProgress(w io.Writer) *Progress {
	return &Progress{w: w, live: isTerminal(w), clock: time.Now}
}

// isTerminal tells whether w is a character device, which is what a terminal is.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// Step says what begins now; what went before is over.
func (p *Progress) Step(format string, args ...any) { p.Update(fmt.Sprintf(format, args...), 0, 0) }

// Update says how far the step has come; a new label begins a new step. A total of 0 means that nobody knows.
func (p *Progress) Update(label string, done, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	fresh := label != p.label
	if fresh {
		p.finishLocked()
		p.label, p.started, p.said = label, now, now
		if p.live {
			p.stop = make(chan struct{})
			go p.redraw(p.stop)
		}
	}
	p.done, p.total = done, total
	switch {
	case p.live:
		p.drawLocked(now)
	case fresh:
		var line Page
		line.put("", failure.Printable(label))
		io.WriteString(p.w, line.String())
	case now.Sub(p.said) >= remindEvery:
		p.said = now
		fmt.Fprintf(p.w, "  %s\n", p.stateLocked(now))
	}
}

// Note prints a line of its own, above the changing one.
func (p *Progress) Note(format string, args ...any) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		io.WriteString(p.w, "\r\x1b[K")
	}
	fmt.Fprintf(p.w, "%s\n", failure.PrintableLines(fmt.Sprintf(format, args...)))
	if p.live && p.label != "" {
		p.drawLocked(p.clock())
	}
}

// Finish ends the last step.
func (p *Progress) Finish() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishLocked()
	p.label = ""
}

func (p *Progress) finishLocked() {
	if p.label == "" {
		return
	}
	took := p.clock().Sub(p.started)
	if p.live {
		close(p.stop)
		fmt.Fprintf(p.w, "\r\x1b[K%s (%.1f s)\n", failure.Printable(p.label), took.Seconds()) // whole: it is not redrawn
	} else if took >= time.Second {
		fmt.Fprintf(p.w, "  took %.1f s\n", took.Seconds())
	}
}

func (p *Progress) redraw(stop chan struct{}) {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			p.mu.Lock()
			if p.stop == stop && p.label != "" {
				p.drawLocked(now)
			}
			p.mu.Unlock()
		}
	}
}

func (p *Progress) drawLocked(now time.Time) {
	fmt.Fprintf(p.w, "\r\x1b[K%s", p.stateLocked(now))
}

// stateLocked is one line, within Width: a terminal's line that wraps is not redrawn in place.
func (p *Progress) stateLocked(now time.Time) string {
	const indent = 2
	label, took := failure.Printable(p.label), fmt.Sprintf(" %.0f s", now.Sub(p.started).Seconds())
	if p.total > 0 {
		took = fmt.Sprintf(" %d of %d%s", p.done, p.total, took)
	}
	bar := min(barWidth, Width-indent-failure.DisplayWidth(label)-len(" []")-len(took))
	if p.total == 0 || bar < 1 {
		return shorten(label, Width-indent-len(took)) + took
	}
	full := min(bar, bar*p.done/p.total)
	return fmt.Sprintf("%s [%s%s]%s", label, strings.Repeat("#", full), strings.Repeat(".", bar-full), took)
}
