// Package build says which build of Parley is running: the commit that it was built from, by the
// word of the Go toolchain (runtime/debug). Nothing of it is secret, and nothing depends on it.
package build

import (
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Info is where a running program came from. What the toolchain did not write down is empty: `go run`
// and `go test` note no commit, nor does a build outside a repository.
type Info struct {
	// Commit has 40 hex digits, or none.
	Commit string `json:"commit,omitempty"`
	// Modified reports whether files differed from the commit.
	Modified bool `json:"modified,omitempty"`
	// Time is the commit's, in UTC.
	Time time.Time `json:"time,omitzero"`
	// Go is the toolchain's version, "go1.26.8".
	Go string `json:"go"`
}

// Read gives the running program's.
func Read() Info {
	read, ok := debug.ReadBuildInfo()
	if !ok {
		return Info{Go: runtime.Version()}
	}
	return of(read)
}

func of(read *debug.BuildInfo) Info {
	info := Info{Go: read.GoVersion}
	for _, s := range read.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		case "vcs.time":
			info.Time, _ = time.Parse(time.RFC3339, s.Value) // one that does not parse is left out
		}
	}
	return info
}

// shownDigits are enough of a commit to find it by.
const shownDigits = 12

// String is one line: the commit, whether files differed from it, its day, the toolchain.
func (i Info) String() string {
	commit := "unknown commit"
	if i.Commit != "" {
		commit = i.Commit[:min(shownDigits, len(i.Commit))]
		if i.Modified {
			commit += ", modified"
		}
		if !i.Time.IsZero() {
			commit += " of " + i.Time.UTC().Format(time.DateOnly)
		}
	}
	return strings.Join([]string{commit, i.Go}, ", ")
}
