package build

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestInfo(t *testing.T) {
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	const commit = "3f74f6ae1b2c3d4e5f60718293a4b5c6d7e8f901"
	for _, c := range []struct {
		name     string
		settings []debug.BuildSetting
		want     Info
		text     string
	}{
		{"no repository", []debug.BuildSetting{setting("-tags", "liar")}, Info{Go: "go1.26.8"}, "unknown commit, go1.26.8"},
		{"a commit", []debug.BuildSetting{setting("vcs.revision", commit), setting("vcs.time", "2026-11-29T06:13:08Z"), setting("vcs.modified", "false")},
			Info{Commit: commit, Time: time.Date(2026, 11, 29, 6, 13, 8, 0, time.UTC), Go: "go1.26.8"}, "3f74f6ae1b2c of 2026-11-29, go1.26.8"},
		{"a commit and more", []debug.BuildSetting{setting("vcs.revision", commit), setting("vcs.modified", "true"), setting("vcs.time", "yesterday")},
			Info{Commit: commit, Modified: true, Go: "go1.26.8"}, "3f74f6ae1b2c, modified, go1.26.8"},
		{"a short one", []debug.BuildSetting{setting("vcs.revision", "3f7")}, Info{Commit: "3f7", Go: "go1.26.8"}, "3f7, go1.26.8"},
	} {
		got := of(&debug.BuildInfo{GoVersion: "go1.26.8", Settings: c.settings})
		if got != c.want || got.String() != c.text {
			t.Errorf("%s: %+v, %q", c.name, got, got)
		}
	}
	if got := Read(); got.Go != runtime.Version() {
		t.Errorf("this test was built by %s, and %s is said", runtime.Version(), got.Go)
	}
}
